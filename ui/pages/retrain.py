"""The retrain page's layout and wiring, for admins. What its buttons do is in `ui.pages.retrain_handlers`."""

from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from ui.api import caller_of
from ui.errors import spoken_errors
from ui.pages import retrain_handlers as handlers
from ui.pages.frame import QUICK, admins_only, assistant_picker, on_load, top
from ui.pages.markup import escape
from ui.pages.retrain_handlers import Look, Points
from ui.pages.run_html import CURVES
from ui.services import Services
from ui.sessions import Caller

HERE = Path(__file__).parent
LOOK_EVERY_S = 2.0
TEACH = (
    "Show it questions with the answers they should get, one JSON object a line: "
    '<code>{"question": "...", "answer": "...", "quotes": ["..."]}</code>. '
    "Without a file it is taught your corrections and the answers that people liked."
)


def lay_out(services: Services, demo: gr.Blocks) -> None:
    """Put the page into the Blocks that is open."""
    about = top(services, demo, here="retrain")
    with admins_only(services, demo, here="retrain"):
        assistant_picker(services, demo, about)
        outputs = _run_part(services, about)
        _schedule_part(services, demo, about)

    def fill(caller: Caller, assistant: str) -> list[Any]:
        return _shown(handlers.look(services, caller, assistant=assistant))

    on_load(demo, services, fill, outputs, about)


def _run_part(services: Services, about: gr.Textbox) -> list[Any]:
    gr.HTML("<h1>Retrain</h1><p>Turn feedback into a better version, test it, then let it answer.</p>", js_on_load=None)
    ready = gr.HTML(js_on_load=None, apply_default_css=False)
    with gr.Row(elem_classes="tl-line"):
        start = gr.Button("Retrain", variant="primary", scale=0, min_width=150)
        cancel = gr.Button("Cancel", variant="stop", visible=False, scale=0, min_width=120)
    progress = gr.HTML(js_on_load=None, apply_default_css=False)
    with gr.Accordion("Teach from examples", open=False):
        gr.HTML(f"<p>{TEACH}</p>", js_on_load=None)
        with gr.Row(elem_classes="tl-line"):
            examples = gr.File(label="Examples (JSONL)", file_types=[".jsonl"], height=110)
            with gr.Column():
                then_dpo = gr.Checkbox(label="Then learn the preferences, too")
                teach = gr.Button("Teach")
    with gr.Row(visible=False) as drawn:
        plots = [_plot(label) for label in CURVES.values()]
    with gr.Accordion("Log", open=False, visible=False) as logged:
        log = gr.HTML(js_on_load=None, apply_default_css=False)
    report = gr.HTML(js_on_load=None, apply_default_css=False)
    gr.HTML("<h2>Versions</h2><p>Each run makes one. Only one answers at a time.</p>", js_on_load=None)
    versions = gr.HTML(js_on_load=(HERE / "rows.js").read_text(), apply_default_css=False)
    with gr.Row(elem_classes="tl-line"):
        back = gr.Button("Roll back to what answered before", scale=0, min_width=280)
    running = gr.Textbox(visible="hidden", label="Run", show_label=False)
    opened = gr.Textbox(visible="hidden", label="Version", show_label=False)
    timer = gr.Timer(LOOK_EVERY_S, active=False)
    outputs = [ready, start, teach, cancel, progress, drawn, *plots, logged, log, report, versions, running, timer]

    def again(report_on: str, assistant: str, request: gr.Request) -> list[Any]:
        with spoken_errors():
            caller = caller_of(services, request)
            return _shown(handlers.look(services, caller, assistant=assistant, report_on=report_on))

    def watch(run: str, report_on: str, assistant: str, request: gr.Request) -> list[Any]:
        with spoken_errors():
            caller = caller_of(services, request)
            return _shown(handlers.watch(services, caller, assistant=assistant, run=run, report_on=report_on))

    def begin(assistant: str, request: gr.Request) -> None:
        with spoken_errors():
            handlers.start(services, caller_of(services, request), assistant=assistant)

    def begin_teaching(path: str | None, then: bool, assistant: str, request: gr.Request) -> None:
        with spoken_errors():
            caller = caller_of(services, request)
            if path:
                gr.Info("Reading the examples; with many of them this takes a minute or two.")
            handlers.teach(services, caller, assistant=assistant, path=path, then_dpo=then)

    def end(run: str, request: gr.Request) -> None:
        with spoken_errors():
            handlers.cancel(services, caller_of(services, request), run=run)
            gr.Info("The run is being cancelled.")

    def act(report_on: str, event: gr.EventData, request: gr.Request) -> str:
        data = event._data or {}
        action, adapter = str(data.get("do", "")), str(data.get("target", ""))
        if action == "report":
            return adapter
        with spoken_errors():
            gr.Info(escape(handlers.decide(services, caller_of(services, request), action=action, adapter=adapter)))
        return report_on

    def undo(assistant: str, request: gr.Request) -> None:
        with spoken_errors():
            gr.Info(escape(handlers.rollback(services, caller_of(services, request), assistant=assistant)))

    for done in (
        start.click(begin, [about], None, **QUICK),
        teach.click(begin_teaching, [examples, then_dpo, about], None, **QUICK),
        cancel.click(end, [running], None, **QUICK),
        versions.act(act, [opened], opened, **QUICK),
        back.click(undo, [about], None, **QUICK),
    ):
        done.success(again, [opened, about], outputs, **QUICK)
    timer.tick(watch, [running, opened, about], outputs, **QUICK)
    return outputs


def _schedule_part(services: Services, demo: gr.Blocks, about: gr.Textbox) -> None:
    gr.HTML("<h2>By itself</h2><p>Start a run at a time, after enough new feedback, or both.</p>", js_on_load=None)
    with gr.Row():
        enabled = gr.Checkbox(label="Retrain by itself")
        promote = gr.Checkbox(label="Let a version that passed every check answer at once")
    with gr.Row():
        cron = gr.Textbox(
            label="When (cron line)",
            info="Minute, hour, day, month, weekday. Empty: as soon as there is enough feedback.",
            placeholder="0 3 * * *  is every night at 3",
            max_lines=1,
        )
        least = gr.Number(label="New preferences needed", info="0: any number, also none.", precision=0, minimum=0)
    with gr.Row(elem_classes="tl-line"):
        save = gr.Button("Save", scale=0, min_width=140)
        words = gr.HTML(js_on_load=None, apply_default_css=False)

    def store(on: bool, line: str, pairs: float, live: bool, assistant: str, request: gr.Request) -> str:
        with spoken_errors():
            caller = caller_of(services, request)
            return handlers.save_schedule(
                services, caller, assistant=assistant, enabled=on, cron=line, min_new_pairs=pairs, auto_promote=live
            )

    def fill(caller: Caller, assistant: str) -> list[Any]:
        return list(handlers.load_schedule(services, caller, assistant=assistant))

    save.click(store, [enabled, cron, least, promote, about], words, **QUICK)
    on_load(demo, services, fill, [enabled, cron, least, promote, words], about)


def _plot(label: str) -> gr.LinePlot:
    return gr.LinePlot(
        _frame(()), x="Step", y="Figure", y_title=" ", title=label, height=190, min_width=400, buttons=[]
    )


def _shown(now: Look) -> list[Any]:
    """The updates of a look, in the order of the page's outputs."""
    going = bool(now.running)
    return [
        _or_skip(now.ready),
        gr.update(interactive=now.can_start),
        gr.update(interactive=not going),
        gr.update(visible=going),
        now.progress,
        gr.update(visible=any(now.curves.values())),
        *(_frame(now.curves.get(name, ())) for name in CURVES),
        gr.update(visible=bool(now.log)),
        now.log,
        _or_skip(now.report),
        _or_skip(now.versions),
        now.running,
        gr.update(active=going),
    ]


def _or_skip(part: str | None) -> Any:
    return gr.skip() if part is None else part


def _frame(points: Points) -> pd.DataFrame | None:
    return (
        None
        if not points
        else pd.DataFrame({"Step": [step for step, _ in points], "Figure": [figure for _, figure in points]})
    )
