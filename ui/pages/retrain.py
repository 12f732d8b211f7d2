"""The retrain page's layout and wiring, for admins. What its buttons do is in `ui.pages.retrain_handlers`, and for
versions in `ui.pages.versions_handlers`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from retrain.recipe import Recipe
from ui.api import caller_of
from ui.errors import spoken_errors
from ui.pages import events, schedule
from ui.pages import retrain_handlers as handlers
from ui.pages import versions_handlers as decisions
from ui.pages.frame import QUICK, admins_only, assistant_picker, on_load, top
from ui.pages.markup import escape
from ui.pages.retrain_handlers import Look, Points
from ui.pages.run_html import CURVES
from ui.services import Services
from ui.sessions import Caller

HERE = Path(__file__).parent
LOOK_EVERY_S = 2.0
TEACH = (
    "Show it questions with the answers they should get, in a text file with one of them a line (JSONL): "
    '<code>{"question": "...", "answer": "...", "quotes": ["..."]}</code>. '
    "Without a file it is taught your corrections and the answers that people liked."
)
SETTINGS = "How a run learns from preferences. These values have proved good; leave them unless you know why not."
LINES = {"so far": "#1f967c", "as far as it may go (budget)": "#c85a32"}
"""The lines of the plot of how far a run has moved; colours that are told apart in light and dark."""
FAMILY = (
    "Each run makes one, out of the version that answered then. <b>Promote</b> lets it answer everybody, <b>Try it</b> "
    "a share of the questions first. What stands below a version goes on from it; what is set in led nowhere yet."
)


def lay_out(services: Services, demo: gr.Blocks) -> None:
    """Put the page into the Blocks that is open."""
    about = top(services, demo, here="retrain")
    with admins_only(services, demo):
        assistant_picker(services, demo, about)
        parts = _lay_out_parts()
        schedule.lay_out(services, demo, about)
    _wire_run(services, parts, about)
    _wire_versions(services, parts, about)
    parts.timer.tick(_again(services, watched=True), [parts.running, parts.opened, about], parts.outputs, **QUICK)

    def fill(caller: Caller, assistant: str) -> list[Any]:
        return _shown(handlers.look(services, caller, assistant=assistant))

    on_load(demo, services, fill, parts.outputs, about)


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """What is on the page."""

    ready: Any
    start: Any
    cancel: Any
    settings: list[Any]
    examples: Any
    then_dpo: Any
    teach: Any
    progress: Any
    drawn: Any
    plots: list[Any]
    logged: Any
    log: Any
    report: Any
    taught: Any
    trial: Any
    versions: Any
    back: Any
    decisions: Any
    running: Any
    opened: Any
    timer: Any

    @property
    def outputs(self) -> list[Any]:
        """What a look changes, in the order of `_shown`."""
        run = [self.progress, self.drawn, *self.plots, self.logged, self.log]
        made = [self.report, self.taught, self.trial, self.versions, self.back, self.decisions]
        return [self.ready, self.start, self.teach, self.cancel, *run, *made, self.running, self.timer]


def _lay_out_parts() -> _Parts:
    rows = (HERE / "rows.js").read_text()
    gr.HTML("<h1>Retrain</h1><p>Turn feedback into a better version, test it, then let it answer.</p>", js_on_load=None)
    ready = _html()
    with gr.Row(elem_classes="tl-line"):
        start = gr.Button("Retrain", variant="primary", scale=0, min_width=150)
        cancel = gr.Button("Cancel", variant="stop", visible=False, scale=0, min_width=120)
    settings = _settings()
    with gr.Accordion("Teach from examples", open=False):
        gr.HTML(f"<p>{TEACH}</p>", js_on_load=None)
        with gr.Row(elem_classes="tl-line"):
            examples = gr.File(label="A file of examples (.jsonl)", file_types=[".jsonl"], height=110)
            with gr.Column():
                then_dpo = gr.Checkbox(label="Then learn the preferences, too")
                teach = gr.Button("Teach")
    progress = _html()
    with gr.Row(visible=False) as drawn:
        plots = [_plot(label, lines=LINES if name == "kl" else None) for name, label in CURVES.items()]
    with gr.Accordion("Log", open=False, visible=False) as logged:
        log = _html()
    report, taught = _html(), _html(js=rows)
    gr.HTML(f"<h2>Versions</h2><p>{FAMILY}</p>", js_on_load=None)
    trial, tree = _html(js=rows), _html(js=rows)
    with gr.Row(elem_classes="tl-line"):
        back = gr.Button("Roll back to what answered before", visible=False, scale=0, min_width=280)
    decisions = _html()
    return _Parts(
        ready=ready, start=start, cancel=cancel, settings=settings, examples=examples, then_dpo=then_dpo, teach=teach,
        progress=progress, drawn=drawn, plots=plots, logged=logged, log=log, report=report, taught=taught, trial=trial,
        versions=tree, back=back, decisions=decisions,
        running=gr.Textbox(visible="hidden", label="Run", show_label=False),
        opened=gr.Textbox(visible="hidden", label="Version", show_label=False),
        timer=gr.Timer(LOOK_EVERY_S, active=False),
    )  # fmt: skip


def _settings() -> list[Any]:
    usual = Recipe()
    with gr.Accordion("Advanced", open=False):
        gr.HTML(f"<p>{SETTINGS}</p>", js_on_load=None)
        anew = gr.Checkbox(
            label="Start anew",
            info="Learn all feedback again, from what the assistant began with. What people deleted is then forgotten.",
        )
        with gr.Row():
            return [
                gr.Number(
                    usual.learning_rate,
                    label="Size of a step (learning rate)",
                    info="Too small and nothing is learned, too large and it forgets how to talk.",
                    min_width=240,
                ),
                gr.Number(
                    usual.epochs,
                    precision=0,
                    label="Rounds (epochs)",
                    info="How often it goes through all the feedback. More learns it better, and takes longer.",
                    min_width=240,
                ),
                gr.Number(
                    usual.beta,
                    label="Hold on what it says now (beta)",
                    info="A lower figure lets it move further away.",
                    min_width=240,
                ),
                anew,
            ]


def _wire_run(services: Services, parts: _Parts, about: gr.Textbox) -> None:
    def begin(rate: float, rounds: float, hold: float, anew: bool, assistant: str, request: gr.Request) -> None:
        with spoken_errors():
            caller = caller_of(services, request)
            settings = {"learning_rate": rate, "epochs": rounds, "beta": hold}
            handlers.start(services, caller, assistant=assistant, anew=anew, **settings)

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

    for done in (
        parts.start.click(begin, [*parts.settings, about], None, **QUICK),
        parts.teach.click(begin_teaching, [parts.examples, parts.then_dpo, about], None, **QUICK),
        parts.cancel.click(end, [parts.running], None, **QUICK),
    ):
        done.success(_again(services), [parts.running, parts.opened, about], parts.outputs, **QUICK)


def _wire_versions(services: Services, parts: _Parts, about: gr.Textbox) -> None:
    def act(report_on: str, assistant: str, event: gr.EventData, request: gr.Request) -> str:
        data = event._data or {}
        action, adapter, share = (events.text(data, name) for name in ("do", "target", "share"))
        if action == "report":
            return adapter
        with spoken_errors():
            caller = caller_of(services, request)
            gr.Info(escape(decisions.decide(
                services, caller, assistant=assistant, action=action, adapter=adapter, share=share
            )))  # fmt: skip
        return report_on

    def undo(assistant: str, request: gr.Request) -> None:
        with spoken_errors():
            gr.Info(escape(decisions.rollback(services, caller_of(services, request), assistant=assistant)))

    def turn(assistant: str, event: gr.EventData, request: gr.Request) -> str:
        with spoken_errors():
            target = str((event._data or {}).get("target", ""))
            return decisions.taught(services, caller_of(services, request), assistant=assistant, target=target)

    for done in (
        parts.versions.act(act, [parts.opened, about], parts.opened, **QUICK),
        parts.trial.act(act, [parts.opened, about], parts.opened, **QUICK),
        parts.back.click(undo, [about], None, **QUICK),
    ):
        done.success(_again(services), [parts.running, parts.opened, about], parts.outputs, **QUICK)
    parts.taught.act(turn, [about], parts.taught, **QUICK)


def _again(services: Services, *, watched: bool = False) -> Callable[[str, str, str, gr.Request], list[Any]]:
    """What looks at the page again; while a run is watched, only at what that changes."""

    def again(run: str, report_on: str, assistant: str, request: gr.Request) -> list[Any]:
        with spoken_errors():
            caller = caller_of(services, request)
            if watched:
                return _shown(handlers.watch(services, caller, assistant=assistant, run=run, report_on=report_on))
            return _shown(handlers.look(services, caller, assistant=assistant, report_on=report_on))

    return again


def _html(*, js: str | None = None) -> gr.HTML:
    return gr.HTML(js_on_load=js, apply_default_css=False)


def _plot(label: str, *, lines: Mapping[str, str] | None = None) -> gr.LinePlot:
    """A plot below its title in HTML, since one that the plot draws itself is cut off on a phone.

    `lines` has the colours of two lines by what is written for them below.
    """
    legend: dict[str, Any] = {"color": "Line", "color_map": dict(lines), "color_title": " "} if lines else {}
    with gr.Column(min_width=400, elem_classes="tl-plot"):
        gr.HTML(f"<h3>{escape(label)}</h3>", js_on_load=None, apply_default_css=False)
        return gr.LinePlot(
            _frame(()),
            x="Step",
            y="Figure",
            y_title=" ",
            label=label,
            show_label=False,
            container=False,
            height=180,
            buttons=[],
            y_axis_format="~g",
            **legend,
        )


def _shown(now: Look) -> list[Any]:
    """The updates of a look, in the order of the page's outputs."""
    going = bool(now.running)
    return [
        _or_skip(now.ready),
        gr.update(interactive=now.can_start),
        gr.update(interactive=not going),
        gr.update(visible=going),
        _if_any(now.progress),
        gr.update(visible=any(now.curves.values())),
        *(_drawn(now, name) for name in CURVES),
        gr.update(visible=bool(now.log)),
        now.log,
        *map(_if_any, (now.report, now.taught, now.trial)),
        _or_skip(now.versions),
        gr.skip() if now.can_go_back is None else gr.update(visible=now.can_go_back),
        _if_any(now.decisions),
        now.running,
        gr.update(active=going),
    ]


def _drawn(now: Look, name: str) -> Any:
    """The update of a plot; that of the distance has its budget beside it, and room above that."""
    points, steps = now.curves.get(name, ()), [0, now.steps or 1]
    if name != "kl":
        return gr.update(value=_frame(points), x_lim=steps)
    top = 1.1 * max(figure for _, figure in (*points, *now.budget)) if points and now.budget else None
    return gr.update(value=_frame(points, beside=now.budget), x_lim=steps, y_lim=[0, top])


def _or_skip(part: str | None) -> Any:
    return gr.skip() if part is None else part


def _if_any(part: str | None) -> Any:
    """An empty part takes no room; it stays in the page, where its script listens."""
    return gr.skip() if part is None else gr.update(value=part, visible=True if part else "hidden")


def _frame(points: Points, *, beside: Points = ()) -> pd.DataFrame | None:
    """A curve, with the other line of its plot beside it."""
    if not points:
        return None
    drawn = [(*point, name) for name, line in zip(LINES, (points, beside), strict=True) for point in line]
    return pd.DataFrame(drawn, columns=["Step", "Figure", "Line"])
