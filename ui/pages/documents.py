"""The documents page's layout and wiring, for admins. What its buttons do is in `ui.pages.documents_handlers`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from ui.api import caller_of
from ui.errors import spoken_errors
from ui.pages import documents_handlers as handlers
from ui.pages.frame import QUICK, admins_only, assistant_picker, on_load, top
from ui.services import Services
from ui.sessions import Caller

HERE = Path(__file__).parent
KINDS = [".txt", ".md", ".html", ".htm", ".pdf", ".docx"]


def lay_out(services: Services, demo: gr.Blocks) -> None:
    """Put the page into the Blocks that is open."""
    about = top(services, demo, here="documents")
    with admins_only(services, demo, here="documents"):
        assistant_picker(services, demo, about)
        gr.HTML("<h1>Documents</h1><p>Answers are given from these, with the passages as sources.</p>", js_on_load=None)
        files = gr.File(
            label="Add documents: text, Markdown, HTML, PDF or Word",
            file_count="multiple",
            file_types=KINDS,
            height=150,
        )
        outcome = gr.HTML(js_on_load=None, apply_default_css=False)
        listing = gr.HTML(js_on_load=(HERE / "rows.js").read_text(), apply_default_css=False)
        gr.HTML("<h2>Try a question</h2><p>See which passages it finds, and how well they match.</p>", js_on_load=None)
        with gr.Row(elem_classes="tl-line"):
            query = gr.Textbox(
                label="Question", show_label=False, placeholder="Type a question", container=False, scale=5
            )
            search = gr.Button("Search", scale=0, min_width=120)
        found = gr.HTML(js_on_load=None, apply_default_css=False)

    def add(paths: list[str] | None, assistant: str, request: gr.Request) -> Iterator[Any]:
        with spoken_errors():
            for done, table in handlers.add(
                services, caller_of(services, request), assistant=assistant, paths=paths or []
            ):
                yield done, table, gr.skip()
            yield gr.skip(), gr.skip(), None

    def act(assistant: str, event: gr.EventData, request: gr.Request) -> str:
        with spoken_errors():
            target = str((event._data or {}).get("target", ""))
            return handlers.delete(services, caller_of(services, request), assistant=assistant, name=target)

    def find(text: str, assistant: str, request: gr.Request) -> str:
        with spoken_errors():
            return handlers.search(services, caller_of(services, request), assistant=assistant, query=text)

    files.upload(add, [files, about], [outcome, listing, files], **QUICK)
    listing.act(act, [about], listing, **QUICK)
    gr.on([search.click, query.submit], find, [query, about], found, **QUICK)

    def fill(caller: Caller, assistant: str) -> str:
        return handlers.listing(services, caller, assistant=assistant)

    on_load(demo, services, fill, [listing], about)
