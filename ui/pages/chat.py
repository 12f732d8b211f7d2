"""The chat page's layout and wiring. What its buttons do is in `ui.pages.chat_handlers`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from ui.api import GENERATION, GENERATION_LIMIT, caller_of
from ui.errors import spoken_errors
from ui.pages import chat_handlers as handlers
from ui.pages import conversations, events
from ui.pages.chat_handlers import View
from ui.pages.frame import QUICK, named_or_first, top, top_alone
from ui.pages.markup import escape
from ui.services import Services

HERE = Path(__file__).parent
ADDRESS_JS = """(conversation) => {
  const address = new URL(location.href);
  if (conversation) address.searchParams.set("c", conversation); else address.searchParams.delete("c");
  history.replaceState(null, "", address);
}"""
KEPT = (
    "<p>What you write and rate is kept on the machine that runs this. "
    '<a href="./mine?show=kept"{target}>See and delete it</a></p>'
)
ELSEWHERE = ' target="_blank" rel="noopener"'
"""Only the chat alone may be shown in a frame of another page."""
TO_BOX_JS = """() => {
  if (window.top !== window || !matchMedia("(hover: hover)").matches) return;
  document.querySelector("#tl-box textarea").focus();
}"""
"""A page that holds the chat in a frame keeps its own focus, and no keyboard comes up over half of a phone."""
STOPPING_JS = """() => {
  const states = document.querySelectorAll("#tl-live .tl-status span:last-child");
  for (const state of states) state.textContent = "Stopping";
}"""


def lay_out(services: Services, demo: gr.Blocks, *, alone: bool = False) -> None:
    """Put the chat page into the Blocks that is open; `alone`, for frames, without the way to anything else."""
    about = top_alone(services, demo) if alone else top(services, demo, here="")
    side = None if alone else conversations.lay_out()
    with gr.Column(elem_id="tl-chat", elem_classes="tl-alone" if alone else None):
        thread = gr.HTML(
            js_on_load=(HERE / "thread.js").read_text(), autoscroll=True, apply_default_css=False, elem_id="tl-thread"
        )
        live = gr.HTML(
            js_on_load=(HERE / "live.js").read_text(), autoscroll=True, apply_default_css=False, elem_id="tl-live"
        )
        gr.HTML('<p class="tl-hidden" role="status"></p>', js_on_load=None, apply_default_css=False, elem_id="tl-told")
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
        gr.HTML(
            KEPT.format(target=ELSEWHERE if alone else ""),
            js_on_load=None,
            apply_default_css=False,
            elem_id="tl-privacy",
        )
    conversation = gr.Textbox(visible="hidden", label="Conversation", show_label=False)
    named = gr.Textbox(visible="hidden", label="Answer", show_label=False)
    to_end = (HERE / "to_answer.js").read_text()
    outputs = [thread, live, box, conversation]

    def send(message: str, held: str, assistant: str, request: gr.Request) -> Iterator[list[Any]]:
        with spoken_errors():
            caller = caller_of(services, request)
            views = handlers.send(services, caller, assistant=assistant, message=message, conversation=held)
            yield from map(_shown, views)

    def generate(held: str, assistant: str, event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
        with spoken_errors():
            caller, data = caller_of(services, request), event._data or {}
            reply, todo = events.text(data, "reply"), data.get("do")
            if todo == "retry":
                form = data if "value" in data else handlers.NOTHING_SAID
                views = handlers.retry(services, caller, assistant=assistant, reply=reply, conversation=held, form=form)
            elif todo == "reword":
                words = events.text(data, "message")
                views = handlers.reword(
                    services, caller, assistant=assistant, reply=reply, message=words, conversation=held
                )
            else:
                question = handlers.example(services, caller, assistant=assistant, n=events.text(data, "n"))
                views = handlers.send(services, caller, assistant=assistant, message=question, conversation=held)
            yield from map(_shown, views)

    def act(held: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        with spoken_errors():
            return _shown(
                handlers.act(services, caller_of(services, request), conversation=held, data=event._data or {})
            )

    def show(held: str, assistant: str, reply: str, request: gr.Request) -> list[Any]:
        with spoken_errors():
            caller = caller_of(services, request)
            asked = named_or_first(services, caller, assistant)
            view = handlers.show(services, caller, assistant=asked, conversation=held, reply=reply)
            return [*_shown(view), asked]

    def pick(held: str, assistant: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        with spoken_errors():
            chosen = str((event._data or {}).get("conversation", ""))
            caller = caller_of(services, request)
            view = handlers.pick(services, caller, assistant=assistant, conversation=chosen, leaving=held)
            return _shown(view)

    def leave(held: str, assistant: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        with spoken_errors():
            caller = caller_of(services, request)
            return _shown(handlers.leave(services, caller, assistant=assistant, leaving=held, data=event._data or {}))

    def stop(held: str, assistant: str, request: gr.Request) -> list[Any]:
        with spoken_errors():
            caller = caller_of(services, request)
            return _shown(handlers.stop(services, caller, assistant=assistant, conversation=held))

    now = [conversation, about]
    writing = {**QUICK, "concurrency_limit": GENERATION_LIMIT, "concurrency_id": GENERATION}
    sent = box.submit(send, [box, *now], outputs, **writing)
    generated = thread.generate(generate, now, outputs, **writing)
    stopped = box.stop(None, js=STOPPING_JS, cancels=[sent, generated], **QUICK).then(stop, now, outputs, **QUICK)
    thread.act(act, [conversation], outputs, **QUICK)
    conversation.change(None, conversation, js=ADDRESS_JS, **QUICK)
    # With whom the page is about, though the bar tells it as well: what comes first must not act without.
    loaded = demo.load(show, [*now, named], [*outputs, about], js=conversations.FROM_ADDRESS_JS, **QUICK)
    loaded.then(None, js=to_end, **QUICK).then(None, js=TO_BOX_JS, **QUICK)
    if side is None:
        return
    for part in (side.panel, side.listing):  # first end what is written, then go on: Gradio 6.31 does one by one
        part.act(None, cancels=[sent, generated], **QUICK)
        picked = part.act(pick, now, outputs, **QUICK)
        picked.then(None, js=to_end, **QUICK).then(None, js=TO_BOX_JS, **QUICK)
    side.listing.leave(None, cancels=[sent, generated], **QUICK)
    left = side.listing.leave(leave, now, outputs, **QUICK)
    left.then(None, js=TO_BOX_JS, **QUICK)
    conversations.wire(services, demo, side, about=about, conversation=conversation, named=named)
    for event in (sent, generated, stopped):
        side.renew(services, event.then, about=about, conversation=conversation)


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
    return [*plain, gr.update(**box), gr.skip() if view.conversation is None else view.conversation]
