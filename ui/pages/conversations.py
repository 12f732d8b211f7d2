"""The panel beside a chat: who answers, and one's conversations. Layout and wiring of what needs no chat.

What its buttons do is in `ui.pages.conversations_handlers`; opening and leaving conversations is the chat page's.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from ui.api import caller_of
from ui.errors import spoken_errors
from ui.pages import conversations_handlers as handlers
from ui.pages import download
from ui.pages.conversations_html import DIALOG
from ui.pages.frame import FIRST, QUICK, named_or_first
from ui.services import Services

SCRIPT = Path(__file__).with_suffix(".js")
FROM_ADDRESS_JS = """() => ["c", "a", "r"].map((name) => new URL(location.href).searchParams.get(name) || "")"""
"""The conversation, the assistant and the answer of an address."""


@dataclass(frozen=True)
class Side:
    """The parts of the panel that the chat page wires."""

    panel: gr.HTML
    listing: gr.HTML
    search: gr.Textbox
    rows: gr.State

    def renew(self, services: Services, after: Any, *, about: gr.Textbox, conversation: gr.Textbox) -> None:
        """List the conversations anew after an event; `after` is how it is listened to, such as `sent.then`."""

        def listed(assistant: str, current: str, search: str, rows: int, request: gr.Request) -> str:
            with spoken_errors():
                caller = caller_of(services, request)
                asked = named_or_first(services, caller, assistant)
                return handlers.listing(services, caller, assistant=asked, current=current, search=search, rows=rows)

        after(listed, [about, conversation, self.search, self.rows], self.listing, **QUICK)


def lay_out() -> Side:
    """Put the panel into the Blocks that is open."""
    script = SCRIPT.read_text(encoding="utf-8")
    with gr.Column(elem_id="tl-side", min_width=0):
        panel = gr.HTML(js_on_load=script, apply_default_css=False, elem_id="tl-panel")
        search = gr.Textbox(
            label="Search your conversations",
            show_label=False,
            placeholder="Search",
            container=False,
            max_lines=1,
            interactive=False,  # until there is a list: it would come after what a first search found
            elem_id="tl-search",
        )
        listing = gr.HTML(js_on_load=script, apply_default_css=False, elem_id="tl-listing")
        gr.HTML(DIALOG, js_on_load=None, apply_default_css=False, elem_id="tl-delete")
    return Side(panel, listing, search, gr.State(handlers.PAGE_ROWS))


def wire(
    services: Services,
    demo: gr.Blocks,
    side: Side,
    *,
    about: gr.Textbox,
    conversation: gr.Textbox,
    named: gr.Textbox,
) -> None:
    """Fill the panel when the page is opened, and let it list, search, rename, delete and download."""
    file = gr.Textbox(visible="hidden", label="Download", show_label=False)

    def fill(held: str, assistant: str, _named: str, request: gr.Request) -> tuple[str, str, Any]:
        with spoken_errors():
            caller = caller_of(services, request)
            asked = named_or_first(services, caller, assistant)
            listed = handlers.listing(
                services, caller, assistant=asked, current=held, search="", rows=handlers.PAGE_ROWS
            )
            return handlers.panel(services, caller, assistant=asked), listed, gr.update(interactive=True)

    def manage(event: gr.EventData, request: gr.Request) -> None:
        with spoken_errors():
            handlers.change(services, caller_of(services, request), event._data or {})

    def export(event: gr.EventData, request: gr.Request) -> str:
        with spoken_errors():
            chosen = str((event._data or {}).get("conversation", ""))
            return handlers.export(services, caller_of(services, request), chosen)

    demo.load(fill, [conversation, about, named], [side.panel, side.listing, side.search], js=FROM_ADDRESS_JS, **FIRST)
    more = side.listing.more(lambda rows: rows + handlers.PAGE_ROWS, side.rows, side.rows, **QUICK)
    managed = side.listing.manage(manage, None, None, **QUICK)
    searched = partial(side.search.change, trigger_mode="always_last")
    for after in (searched, conversation.change, more.success, managed.success):
        side.renew(services, after, about=about, conversation=conversation)
    exported = side.listing.export(export, None, file, **QUICK)
    exported.success(None, file, file, js=download.JS, **QUICK)
