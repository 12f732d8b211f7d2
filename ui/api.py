"""The addresses of the named endpoints: which function answers at which name, and who may call it.

Arguments and documentation of an address are those of its function in `ui.endpoints`, less the services and the caller,
which are found here.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.errors import BadInput
from assistant.knowledge import Upload
from ui import endpoints
from ui.errors import spoken_errors
from ui.services import Services
from ui.sessions import Caller

GENERATION = "generation"
"""The `concurrency_id` of every event that generates a reply; pages use it too."""
GENERATION_LIMIT = 16
OTHERS_LIMIT = 32


@dataclass(frozen=True)
class Address:
    """One named endpoint."""

    function: Callable[..., Any]
    admin: bool = True

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def streams(self) -> bool:
        return inspect.isgeneratorfunction(self.function)


def ingest(services: Services, caller: Caller, assistant: str, files: list[dict[str, Any]]) -> dict[str, Any]:
    """Add uploaded files to an assistant's documents, or replace those of the same name."""
    caller.require_admin()
    return endpoints.ingest(services, caller, assistant, uploads(files))


def teach(
    services: Services,
    caller: Caller,
    assistant: str = "default",
    file: dict[str, Any] | None = None,
    then_dpo: bool = False,
    variant: str = "lora",
) -> dict[str, Any]:
    """Start a run that teaches: the examples of a file, or, without one, corrections and approved answers."""
    caller.require_admin()
    return endpoints.teach(services, caller, assistant, uploads(file) if file else (), then_dpo, variant)


def export(services: Services, caller: Caller, assistant: str, format: str = "preference") -> dict[str, Any]:
    """Write an assistant's feedback to a file of JSON lines: preference, unpaired or ratings."""
    path = endpoints.export(services, caller, assistant, format)
    return dict(gr.FileData(path=str(path), orig_name=path.name, mime_type="application/jsonl").model_dump())


def export_assistant(services: Services, caller: Caller, assistant: str, with_adapter: bool = False) -> dict[str, Any]:
    """Write an assistant's settings and documents into one file, if wanted with the adapter that serves."""
    path = endpoints.export_assistant(services, caller, assistant, with_adapter)
    return dict(gr.FileData(path=str(path), orig_name=path.name, mime_type="application/zip").model_dump())


def import_assistant(services: Services, caller: Caller, file: dict[str, Any]) -> dict[str, Any]:
    """Make an assistant out of an exported file; `notes` say what of it could not be used."""
    caller.require_admin()
    return endpoints.import_assistant(services, caller, uploaded(file), str(file.get("orig_name") or "The file"))


ADDRESSES = (
    Address(endpoints.assistants, admin=False),
    Address(endpoints.create_assistant),
    Address(endpoints.update_assistant),
    Address(endpoints.delete_assistant),
    Address(export_assistant),
    Address(import_assistant),
    Address(endpoints.chat, admin=False),
    Address(endpoints.retry, admin=False),
    Address(endpoints.rate, admin=False),
    Address(endpoints.correct, admin=False),
    Address(endpoints.compare, admin=False),
    Address(endpoints.source, admin=False),
    Address(endpoints.my_data, admin=False),
    Address(endpoints.forget, admin=False),
    Address(endpoints.leave_out),
    Address(endpoints.use_again),
    Address(endpoints.reword),
    Address(endpoints.take_back_rewording),
    Address(ingest),
    Address(endpoints.documents),
    Address(endpoints.delete_document),
    Address(export),
    Address(endpoints.status),
    Address(endpoints.retrain),
    Address(teach),
    Address(endpoints.run),
    Address(endpoints.runs),
    Address(endpoints.cancel),
    Address(endpoints.adapters),
    Address(endpoints.promote),
    Address(endpoints.reject),
    Address(endpoints.rollback),
    Address(endpoints.schedule),
    Address(endpoints.set_schedule),
)


def register(services: Services) -> None:
    """Give each endpoint its address; within the context of a `gr.Blocks`."""
    for address in ADDRESSES:
        gr.api(
            _handler(services, address),
            api_name=address.name,
            concurrency_id=GENERATION if address.streams else None,
            concurrency_limit=GENERATION_LIMIT if address.streams else OTHERS_LIMIT,
        )


def caller_of(services: Services, request: gr.Request) -> Caller:
    """Who sent an event. Raises `NotAllowed` where guests are not let in."""
    cookies = request.request.cookies if request.request is not None else {}
    return services.sessions.identify(cookies, session_hash=request.session_hash)


def uploads(files: Any) -> list[Upload]:
    """The files that a client uploaded, read. Raises `BadInput` for anything that is not an uploaded file."""
    return [_upload(each, uploaded(each)) for each in (files if isinstance(files, list) else [files])]


def uploaded(file: Any) -> Path:
    """Where a file that a client uploaded lies. Raises `BadInput` for anything that is not an uploaded file."""
    folder = Path(gr.utils.get_upload_folder()).resolve()
    path = Path(str(file.get("path") or "")).resolve() if isinstance(file, dict) else folder
    if not path.is_relative_to(folder) or not path.is_file():
        raise BadInput("That is not an uploaded file. Upload it first: `handle_file` of gradio_client does both.")
    return path


def _upload(file: dict[str, Any], path: Path) -> Upload:
    return Upload(name=str(file.get("orig_name") or path.name), data=path.read_bytes())


def _handler(services: Services, address: Address) -> Callable[..., Any]:
    """The endpoint's function as Gradio wants it: typed arguments, then the request."""
    function = address.function
    signature = inspect.signature(function)
    parameters = [each for each in signature.parameters.values() if each.name not in ("services", "caller")]

    def answer(*values: Any) -> Any:
        *arguments, request = values
        with spoken_errors():
            return function(services, caller_of(services, request), *arguments)

    def stream(*values: Any) -> Iterator[Any]:
        *arguments, request = values
        with spoken_errors():
            yield from function(services, caller_of(services, request), *arguments)

    handler: Any = stream if address.streams else answer
    request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=gr.Request)
    required = [each for each in parameters if each.default is inspect.Parameter.empty]
    optional = [each for each in parameters if each.default is not inspect.Parameter.empty]
    last = request.replace(default=None) if optional else request
    handler.__signature__ = inspect.Signature([*required, *optional, last], return_annotation=dict[str, Any])
    handler.__annotations__ = {each.name: each.annotation for each in [*parameters, request]} | {
        "return": dict[str, Any]
    }
    handler.__name__, handler.__doc__ = address.name, function.__doc__
    return handler  # type: ignore[no-any-return]
