"""The feedback page's layout and wiring, for admins. What its buttons do is in `ui.pages.feedback_handlers`."""

from typing import Any

import gradio as gr

from ui.api import caller_of
from ui.errors import spoken_errors
from ui.pages import feedback_handlers as handlers
from ui.pages.frame import QUICK, admins_only, assistant_picker, on_load, top
from ui.services import Services
from ui.sessions import Caller


def lay_out(services: Services, demo: gr.Blocks) -> None:
    """Put the page into the Blocks that is open."""
    about = top(services, demo, here="feedback")
    with admins_only(services, demo, here="feedback"):
        assistant_picker(services, demo, about)
        gr.HTML("<h1>Feedback</h1><p>What people thought of the answers.</p>", js_on_load=None)
        approval = gr.HTML(js_on_load=None, apply_default_css=False)
        with gr.Row(elem_classes="tl-filters"):
            shown = gr.Radio(list(handlers.SHOWN), value=handlers.ALL, label="Show", scale=3)
            adapter = gr.Dropdown([handlers.ANY_VERSION], value=handlers.ANY_VERSION, label="Version", scale=1)
        rows = gr.HTML(js_on_load=None, apply_default_css=False)
        with gr.Row(elem_classes="tl-filters"):
            back = gr.Button("Newer", size="sm", min_width=90, scale=0)
            place = gr.HTML(js_on_load=None, apply_default_css=False)
            further = gr.Button("Older", size="sm", min_width=90, scale=0)
        number = gr.Number(0, visible="hidden", precision=0, label="Page", show_label=False)
        gr.HTML("<h2>Take it with you</h2><p>One JSON object a line, as training tools read it.</p>", js_on_load=None)
        with gr.Row(elem_classes="tl-line"):
            format = gr.Dropdown(list(handlers.FORMATS), value="preference", label="What to export", scale=3)
            export = gr.Button("Make the file", scale=0, min_width=140)
        file = gr.File(label="File", visible=False, interactive=False)

    def turn(step: int) -> Any:
        def turned(kind: str, version: str, at: float, assistant: str, request: gr.Request) -> tuple[str, int, str]:
            with spoken_errors():
                caller = caller_of(services, request)
                to = int(at or 0) + step if step else 0
                return handlers.page(services, caller, assistant=assistant, shown=kind, adapter=version, number=to)

        return turned

    def make(kind: str, assistant: str, request: gr.Request) -> Any:
        with spoken_errors():
            path = handlers.export(services, caller_of(services, request), assistant=assistant, format=kind)
            return gr.update(value=str(path), visible=True)

    def fill(caller: Caller, assistant: str) -> list[Any]:
        everything = {"shown": handlers.ALL, "adapter": handlers.ANY_VERSION, "number": 0}
        return [
            handlers.approval(services, caller, assistant=assistant),
            gr.update(choices=handlers.versions(services, caller, assistant=assistant)),
            *handlers.page(services, caller, assistant=assistant, **everything),
        ]

    chosen, outputs = [shown, adapter, number, about], [rows, number, place]
    gr.on([shown.change, adapter.change], turn(0), chosen, outputs, **QUICK)
    back.click(turn(-1), chosen, outputs, **QUICK)
    further.click(turn(1), chosen, outputs, **QUICK)
    export.click(make, [format, about], file, **QUICK)
    on_load(demo, services, fill, [approval, adapter, *outputs], about)
