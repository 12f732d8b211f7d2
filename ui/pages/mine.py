"""The page of one's own: what one said of answers, one's conversations, and all that is kept. For guests, too.

Layout and wiring; what its buttons do is in `ui.pages.mine_handlers`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from ui.api import caller_of
from ui.errors import spoken_errors
from ui.pages import download
from ui.pages import mine_handlers as handlers
from ui.pages.frame import FIRST, QUICK, top
from ui.pages.markup import escape
from ui.services import Services
from ui.sessions import Caller

HERE = Path(__file__).parent
FEEDBACK, CONVERSATIONS, KEPT = "feedback", "conversations", "kept"
PART_JS = "() => new URL(location.href).searchParams.get('show') || ''"
"""Which part an address is about."""
TURNED_JS = """(done) => {
  const [state, row] = done.split(" ");
  const saying = document.querySelector(`.tl-saying[data-row="${row}"]`);
  if (!saying) return;
  const taken = state === "take";
  saying.classList.toggle("tl-taken", taken);
  saying.querySelector('[role="status"]').textContent = taken ? "Taken back." : "Put back.";
  for (const button of saying.querySelectorAll("button")) {
    button.hidden = (button.dataset.do === "take") === taken;
    if (!button.hidden) button.focus();
  }
}"""


def lay_out(services: Services, demo: gr.Blocks) -> None:
    """Put the page into the Blocks that is open."""
    top(services, demo, here="mine")
    script = (HERE / "mine.js").read_text()
    with gr.Column(elem_classes="tl-page tl-mine"), gr.Tabs(overflow_behavior="wrap") as parts:
        with gr.Tab("Feedback", id=FEEDBACK):
            gr.HTML("<h1>My feedback</h1><p>What you said of answers, the latest first.</p>", js_on_load=None)
            said = _Paged(script, "Page of feedback")
        with gr.Tab("Conversations", id=CONVERSATIONS):
            gr.HTML("<h1>My conversations</h1><p>With all assistants, the latest first.</p>", js_on_load=None)
            held = _Paged(script, "Page of conversations")
        with gr.Tab("What is kept", id=KEPT):
            kept = gr.HTML(js_on_load=script, apply_default_css=False)
    done = gr.Textbox(visible="hidden", label="Done", show_label=False)
    file = gr.Textbox(visible="hidden", label="My data", show_label=False)
    part = gr.Textbox(visible="hidden", label="Part", show_label=False)

    outputs = [*said.outputs, *held.outputs, kept]

    def fill(request: gr.Request) -> list[Any]:
        with spoken_errors():
            return _everything(services, caller_of(services, request))

    def turn(event: gr.EventData, request: gr.Request) -> str:
        with spoken_errors():
            return handlers.turn(services, caller_of(services, request), data=event._data or {})

    def delete(event: gr.EventData, request: gr.Request) -> list[Any]:
        with spoken_errors():
            caller = caller_of(services, request)
            told = handlers.delete(services, caller, data=event._data or {})
            gr.Info(escape(told), title="Deleted", duration=None)
            return _everything(services, caller)

    def take_away(request: gr.Request) -> str:
        with spoken_errors():
            return handlers.take_away(services, caller_of(services, request))

    turned = said.rows.act(turn, None, done, **QUICK)
    turned.success(None, done, js=TURNED_JS, **QUICK)
    held.rows.act(delete, None, outputs, **QUICK)
    kept.act(delete, None, outputs, **QUICK)
    kept.download(take_away, None, file, **QUICK).success(None, file, file, js=download.JS, **QUICK)
    said.wire(services, handlers.said)
    held.wire(services, handlers.held)
    demo.load(fill, None, outputs, **FIRST)
    demo.load(_select, part, parts, js=PART_JS, **FIRST)


def _everything(services: Services, caller: Caller) -> list[Any]:
    first = [_shown(page(services, caller, number=0)) for page in (handlers.said, handlers.held)]
    return [*first[0], *first[1], handlers.kept(services, caller)]


def _select(part: str) -> Any:
    return gr.update(selected=part) if part in (CONVERSATIONS, KEPT) else gr.skip()


def _shown(page: handlers.Page) -> list[Any]:
    """The updates of a page of a list; the buttons that turn it are there only where there is more than one."""
    several = page.last > 0
    back = gr.update(visible=several, interactive=page.number > 0)
    return [page.html, page.number, page.place, back, gr.update(visible=several, interactive=page.number < page.last)]


class _Paged:
    """A list in pages, with buttons to turn them."""

    def __init__(self, script: str, label: str) -> None:
        self.rows = gr.HTML(js_on_load=script, apply_default_css=False)
        with gr.Row(elem_classes="tl-filters"):
            self._back = gr.Button("Newer", size="sm", min_width=90, scale=0, visible=False)
            self._place = gr.HTML(js_on_load=None, apply_default_css=False)
            self._further = gr.Button("Older", size="sm", min_width=90, scale=0, visible=False)
        self._number = gr.Number(0, visible="hidden", precision=0, label=label, show_label=False)
        self.outputs = [self.rows, self._number, self._place, self._back, self._further]

    def wire(self, services: Services, page: Callable[..., handlers.Page]) -> None:
        """Let the buttons turn to other pages, which `page(services, caller, number=)` gives."""

        def turn(step: int) -> Callable[..., Any]:
            def turned(at: float, request: gr.Request) -> Any:
                with spoken_errors():
                    return _shown(page(services, caller_of(services, request), number=int(at or 0) + step))

            return turned

        self._back.click(turn(-1), self._number, self.outputs, **QUICK)
        self._further.click(turn(1), self._number, self.outputs, **QUICK)
