"""The chat page's layout and wiring. What its buttons do is in `ui.pages.chat_handlers`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from ui.api import GENERATION, GENERATION_LIMIT, caller_of
from ui.errors import spoken_errors
from ui.pages import chat_handlers as handlers
from ui.pages.chat_handlers import View
from ui.pages.frame import QUICK, top
from ui.pages.markup import escape
from ui.services import Services

HERE = Path(__file__).parent
OPEN_JS = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  if (!button) return;
  const menu = element.querySelector(".tl-menu");
  const open = button === menu && menu.getAttribute("aria-expanded") === "false";
  menu.setAttribute("aria-expanded", String(open));
  if (button !== menu) trigger("act", { ...button.dataset });
});
"""
ADDRESS_JS = """(conversation) => {
  const address = new URL(location.href);
  if (conversation) address.searchParams.set("c", conversation); else address.searchParams.delete("c");
  history.replaceState(null, "", address);
}"""
FROM_ADDRESS_JS = """() => new URL(location.href).searchParams.get("c") || "" """
TO_END_JS = "() => setTimeout(() => window.scrollTo(0, document.documentElement.scrollHeight), 50)"
TO_BOX_JS = """() => document.querySelector("#tl-box textarea").focus()"""


def lay_out(services: Services, demo: gr.Blocks) -> None:
    """Put the chat page into the Blocks that is open."""
    top(services, demo, here="")
    listing = gr.HTML(js_on_load=OPEN_JS, apply_default_css=False, elem_id="tl-side")
    with gr.Column(elem_id="tl-chat"):
        thread = gr.HTML(
            js_on_load=(HERE / "thread.js").read_text(), autoscroll=True, apply_default_css=False, elem_id="tl-thread"
        )
        live = gr.HTML(js_on_load=None, autoscroll=True, apply_default_css=False, elem_id="tl-live")
        box = gr.Textbox(
            label="Your message",
            show_label=False,
            placeholder="Ask a question",
            lines=1,
            max_lines=8,
            submit_btn="Send",
            stop_btn=False,
            interactive=False,  # until the page is loaded, so that its first state cannot undo what somebody began
            container=False,
            elem_id="tl-box",
        )
    conversation = gr.Textbox(visible="hidden", label="Conversation", show_label=False)
    outputs = [thread, live, box, conversation, listing]

    def send(message: str, held: str, request: gr.Request) -> Iterator[list[Any]]:
        with spoken_errors():
            yield from map(
                _shown, handlers.send(services, caller_of(services, request), message=message, conversation=held)
            )

    def generate(held: str, event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
        with spoken_errors():
            caller, data = caller_of(services, request), event._data or {}
            if data.get("do") == "retry":
                views = handlers.retry(services, caller, reply=str(data.get("reply", "")), conversation=held)
            else:
                question = handlers.example(services, n=str(data.get("n", "")))
                views = handlers.send(services, caller, message=question, conversation=held)
            yield from map(_shown, views)

    def act(held: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        with spoken_errors():
            return _shown(
                handlers.act(services, caller_of(services, request), conversation=held, data=event._data or {})
            )

    def show(held: str, request: gr.Request) -> list[Any]:
        with spoken_errors():
            return _shown(handlers.show(services, caller_of(services, request), conversation=held))

    def pick(event: gr.EventData, request: gr.Request) -> list[Any]:
        return show(str((event._data or {}).get("conversation", "")), request)

    def stop(held: str, request: gr.Request) -> list[Any]:
        with spoken_errors():
            return _shown(handlers.stop(services, caller_of(services, request), conversation=held))

    writing = {**QUICK, "concurrency_limit": GENERATION_LIMIT, "concurrency_id": GENERATION}
    sent = box.submit(send, [box, conversation], outputs, **writing)
    generated = thread.generate(generate, [conversation], outputs, **writing)
    box.stop(None, cancels=[sent, generated], **QUICK).then(stop, [conversation], outputs, **QUICK)
    thread.act(act, [conversation], outputs, **QUICK)
    picked = listing.act(pick, None, outputs, cancels=[sent, generated], **QUICK)
    picked.then(None, js=TO_END_JS, **QUICK).then(None, js=TO_BOX_JS, **QUICK)
    conversation.change(None, conversation, js=ADDRESS_JS, **QUICK)
    loaded = demo.load(show, [conversation], outputs, js=FROM_ADDRESS_JS, **QUICK)
    loaded.then(None, js=TO_END_JS, **QUICK).then(None, js=TO_BOX_JS, **QUICK)


def _shown(view: View) -> list[Any]:
    """The updates of a view, in the order of the page's outputs."""
    if view.warning:
        gr.Warning(escape(view.warning), title="Please note")
    box: dict[str, Any] = {} if view.box is None else {"value": view.box}
    if view.busy is not None:
        box |= {
            "submit_btn": False if view.busy else "Send",
            "stop_btn": "Stop" if view.busy else False,
            "interactive": True,
        }
    plain = [gr.skip() if part is None else part for part in (view.thread, view.live)]
    return [
        *plain,
        gr.update(**box),
        *(gr.skip() if part is None else part for part in (view.conversation, view.listing)),
    ]
