"""The form for runs that start by themselves, on the retrain page. What it does is in `ui.pages.schedule_handlers`."""

from typing import Any

import gradio as gr

from ui.api import caller_of
from ui.errors import spoken_errors
from ui.pages import schedule_handlers as handlers
from ui.pages.frame import QUICK, on_load
from ui.services import Services
from ui.sessions import Caller


def lay_out(services: Services, demo: gr.Blocks, about: gr.Textbox) -> None:
    """Put the form into the column that is open."""
    gr.HTML("<h2>By itself</h2><p>Start a run at a time, after enough new feedback, or both.</p>", js_on_load=None)
    words = gr.HTML(js_on_load=None, apply_default_css=False)
    enabled = gr.Checkbox(label="Retrain by itself")
    with gr.Row():
        time = gr.Dropdown(
            [*handlers.TIMES, handlers.OWN], label="When", info="By the clock of this machine.", min_width=290
        )
        least = gr.Number(
            label="New preferences needed",
            info="0: start at the time, whatever is there.",
            precision=0,
            minimum=0,
            min_width=290,
        )
    promote = gr.Checkbox(label="Let a version that passed every check answer at once")
    back = gr.Checkbox(
        label="Take a version back that people like less",
        info="Where votes prove it, a trial ends or a promotion is rolled back, also if runs start by hand only.",
    )
    with gr.Accordion("Advanced", open=False):
        line = gr.Textbox(
            label="Times of your own (a cron line)",
            info="Minute, hour, day, month, weekday: `30 2 * * mon,thu` is every Monday and Thursday at 2:30. "
            "Empty: as soon as there is enough.",
            placeholder="30 2 * * mon,thu",
            max_lines=1,
        )
    with gr.Row(elem_classes="tl-line"):
        save = gr.Button("Save", scale=0, min_width=140)

    def store(on: bool, cron: str, pairs: float, live: bool, goes: bool, assistant: str, request: gr.Request) -> str:
        with spoken_errors():
            caller = caller_of(services, request)
            return handlers.save(
                services,
                caller,
                assistant=assistant,
                enabled=on,
                cron=cron,
                min_new_pairs=pairs,
                auto_promote=live,
                roll_back=goes,
            )

    def fill(caller: Caller, assistant: str) -> list[Any]:
        return list(handlers.load(services, caller, assistant=assistant))

    def pick(choice: str, cron: str) -> str:
        return handlers.line_of(choice, line=cron)

    time.input(pick, [time, line], line, **QUICK)
    line.change(handlers.time_of, line, time, **QUICK)
    save.click(store, [enabled, line, least, promote, back, about], words, **QUICK)
    on_load(demo, services, fill, [enabled, time, line, least, promote, back, words], about)
