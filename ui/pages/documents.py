"""The documents page's layout and wiring, for admins. What its buttons do is in `ui.pages.documents_handlers`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from ui.api import caller_of, uploads
from ui.errors import spoken_errors
from ui.pages import documents_handlers as handlers
from ui.pages import documents_html as html
from ui.pages import events
from ui.pages.documents_handlers import Shown
from ui.pages.frame import QUICK, admins_only, assistant_picker, on_load, top
from ui.services import Services
from ui.sessions import Caller

HERE = Path(__file__).parent
INTRODUCTION = (
    "<h1>Documents</h1><p>Answers are given from these, with the passages as sources. A file of the same name replaces "
    "the one before.</p>"
)


def lay_out(services: Services, demo: gr.Blocks) -> None:
    """Put the page into the Blocks that is open."""
    about = top(services, demo, here="documents")
    script = (HERE / "documents.js").read_text()
    with admins_only(services, demo):
        assistant_picker(services, demo, about)
        gr.HTML(INTRODUCTION, js_on_load=None)
        files = gr.File(
            label="Add documents: text, Markdown, HTML, PDF or Word",
            file_count="multiple",
            height=150,
            elem_id="tl-drop",
        )
        outcome = gr.HTML(js_on_load=None, apply_default_css=False)
        with gr.Row(elem_classes="tl-two"):
            with gr.Column(scale=8, min_width=340):
                matching = gr.Textbox(
                    label="Find a document",
                    show_label=False,
                    placeholder="Find a document by its name",
                    container=False,
                    elem_id="tl-find",
                )
                listing = gr.HTML(js_on_load=script, apply_default_css=False)
            with gr.Column(scale=5, min_width=320, elem_classes="tl-beside"):
                asking = gr.HTML(html.asking(""), js_on_load=None)
                with gr.Row(elem_classes="tl-line", elem_id="tl-ask"):
                    query = gr.Textbox(
                        label="Question",
                        show_label=False,
                        placeholder="Type a question",
                        container=False,
                        max_lines=1,
                        scale=5,
                    )
                    search = gr.Button("Search", scale=0, min_width=100)
                found = gr.HTML(js_on_load=script, apply_default_css=False)
        opened = gr.Textbox(visible="hidden", label="Open document", show_label=False)
    outputs = [listing, opened, asking, matching]

    def add(paths: list[str] | None, assistant: str, request: gr.Request) -> Iterator[list[Any]]:
        with spoken_errors():
            caller = caller_of(services, request)
            for done in handlers.add(services, caller, assistant=assistant, paths=paths or []):
                yield [done, gr.skip()]
            yield [gr.skip(), None]

    def act(words: str, assistant: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        data = event._data or {}
        with spoken_errors():
            caller, target = caller_of(services, request), events.text(data, "target")
            said: Any = gr.skip()
            if data.get("do") == "replace":
                caller.require_admin()
                (upload,) = uploads({"path": data.get("path"), "orig_name": data.get("name")})
                said, target = handlers.replace(services, caller, assistant=assistant, target=target, upload=upload)
                data = {"do": "open", "target": target}
            return [said, *_shown(handlers.act(services, caller, assistant=assistant, matching=words, data=data))]

    def narrow(words: str, assistant: str, request: gr.Request) -> list[Any]:
        with spoken_errors():
            caller = caller_of(services, request)
            return _shown(Shown(html=handlers.listing(services, caller, assistant=assistant, matching=words)))

    def find(text: str, document: str, assistant: str, request: gr.Request) -> str:
        with spoken_errors():
            caller = caller_of(services, request)
            return handlers.search(services, caller, assistant=assistant, query=text, document=document)

    added = files.upload(add, [files, about], [outcome, files], **QUICK)
    added.then(narrow, [matching, about], outputs, **QUICK)
    for buttons in (listing, found):
        buttons.act(act, [matching, about], [outcome, *outputs], **QUICK)
    matching.change(narrow, [matching, about], outputs, trigger_mode="always_last", **QUICK)
    gr.on([search.click, query.submit], find, [query, opened, about], found, **QUICK)

    def fill(caller: Caller, assistant: str) -> str:
        return handlers.listing(services, caller, assistant=assistant)

    on_load(demo, services, fill, [listing], about)


def _shown(view: Shown) -> list[Any]:
    """The updates of a view, in the order of the page's outputs. While a document is open, none is looked for."""
    return [view.html, view.opened, html.asking(view.title), gr.update(visible=not view.opened)]
