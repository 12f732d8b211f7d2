"""The feedback page's layout and wiring, for admins. What its buttons do is in `ui.pages.feedback_handlers`.

The address says what is looked for and which reply is open; whatever changes that changes the address, too.
"""

from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import gradio as gr

from feedback.overview import Day
from feedback.ratings import LABELS
from ui.api import caller_of
from ui.errors import spoken_errors
from ui.pages import events
from ui.pages import feedback_handlers as handlers
from ui.pages.feedback_address import SPANS, START, Place, address, assistant_in, parse, place
from ui.pages.feedback_handlers import Choices, Glance
from ui.pages.feedback_html import SHOWN
from ui.pages.frame import FIRST, QUICK, admins_only, assistant_picker, named_or_first, top
from ui.pages.markup import escape
from ui.pages.reply_html import WEIGHING
from ui.services import Services
from ui.sessions import Caller

SEARCH_JS = "() => location.search"
SHOW_ADDRESS_JS = "(query) => { window.history.replaceState({}, '', location.pathname + query); }"
SPAN_NAMES = {0: "Ever", 1: "Last 24 hours", 7: "Last 7 days", 30: "Last 30 days", 90: "Last 90 days", 365: "Last year"}
FILTERS = ("text", "show", "reason", "version", "rater", "days")
"""The parts of a place that the form has, in its order."""
LINES = {"Answers": "#a09b91", "Ratings": "#1f967c"}


def lay_out(services: Services, demo: gr.Blocks) -> None:
    """Put the page into the Blocks that is open."""
    about = top(services, demo, here="feedback")
    with admins_only(services, demo):
        assistant_picker(services, demo, about)
        at = gr.Textbox("", visible="hidden", label="Address", show_label=False)
        with gr.Column(elem_classes="tl-stack-wide") as everything:
            gr.HTML("<h1>Feedback</h1><p>What people thought of the answers.</p>", js_on_load=None)
            overview = _overview_part()
            with gr.Column(elem_classes="tl-stack-wide tl-once-rated"):
                filters, answers = _answers_part()
                _export_part(services, about)
        with gr.Column(visible=False, elem_classes="tl-stack-wide") as one:
            reply = [_live_html() for _ in range(3)]

    lists = [*filters, answers]
    places = [at, everything, one, *lists, *reply]

    def go(
        to: Place, caller: Caller, assistant: str, *,
        before: Place = START, again: bool = False, seen: Glance | None = None,
    ) -> list[Any]:  # fmt: skip
        query = address(to, assistant=assistant)
        if to.reply:
            shown = handlers.opened(services, caller, to, assistant=assistant)
            parts = [shown.said, gr.skip() if again else WEIGHING, shown.details]
            return [query, gr.update(visible=False), gr.update(visible=True), *[gr.skip()] * len(lists), *parts]
        looked = handlers.listing(services, caller, to, assistant=assistant)
        choices = handlers.choices(services, caller, to, assistant=assistant, seen=seen)
        offered = _filters(to, before, choices)
        return [query, gr.update(visible=True), gr.update(visible=False), *offered, looked, *[gr.skip()] * len(reply)]

    def fill(query: str, request: gr.Request) -> list[Any]:
        caller = caller_of(services, request)
        if not caller.is_admin:
            return [gr.skip()] * (len(overview) + len(places))
        with spoken_errors():
            assistant = named_or_first(services, caller, assistant_in(query))
            seen = handlers.glance(services, caller, assistant=assistant)
            return [*_drawn(seen), *go(parse(query), caller, assistant, seen=seen)]

    def act(query: str, assistant: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        data = event._data or {}
        with spoken_errors():
            caller = caller_of(services, request)
            caller.require_admin()
            if data.get("do") == "go":
                return go(parse(events.text(data, "to")), caller, assistant, before=parse(query))
            gr.Info(escape(handlers.act(services, caller, data)))
            return go(parse(query), caller, assistant, again=True)

    def weigh(query: str, request: gr.Request) -> Any:
        to = parse(query)
        caller = caller_of(services, request)
        if not to.reply or not caller.is_admin:
            return gr.skip()
        with spoken_errors():
            return handlers.taught(services, caller, to)

    def narrow(request: gr.Request, query: str, assistant: str, *chosen: Any) -> list[Any]:
        before = parse(query)
        to = place(**dict(zip(FILTERS, chosen, strict=True)), question=before.question)
        if to == replace(before, page=1):
            return [gr.skip(), gr.skip()]
        with spoken_errors():
            caller = caller_of(services, request)
            return [address(to, assistant=assistant), handlers.listing(services, caller, to, assistant=assistant)]

    filled = demo.load(fill, inputs=at, outputs=[*overview, *places], js=SEARCH_JS, **FIRST)
    acts = [part.act(act, [at, about], places, **QUICK) for part in (*overview[-2:], answers, *reply)]
    for event in (filled, *acts):
        event.success(weigh, at, reply[1], **QUICK)
    # Gradio 6.31 tells nobody of the first change to a text box after the program filled it; Enter does.
    for changed in (*(each.input for each in filters), filters[0].submit):
        narrowed = changed(narrow, [at, about, *filters], [at, answers], trigger_mode="always_last", **QUICK)
        narrowed.success(None, at, None, js=SHOW_ADDRESS_JS, **QUICK)


def _overview_part() -> list[Any]:
    said = _live_html(elem_id="tl-glance")
    common: dict[str, Any] = {
        "x": "When", "x_title": " ", "y_title": " ", "x_axis_format": "%m-%d", "tooltip": "all", "height": 210,
        "min_width": 320, "buttons": [],
    }  # fmt: skip
    with gr.Row(visible=False) as drawn:
        approval = gr.LinePlot(None, y="Liked", title="Thumbs up of all thumbs, in %", y_lim=[0, 100], **common)
        lines = {"color": "What", "color_map": LINES, "color_title": " "}
        volume = gr.LinePlot(None, y="How many", title="Answers, and ratings given", y_lim=[0, None], **lines, **common)
    return [said, drawn, approval, volume, _live_html(), _live_html()]


def _answers_part() -> tuple[list[Any], gr.HTML]:
    gr.HTML('<h2 id="tl-answers-of">Answers</h2>', js_on_load=None)
    with gr.Row(elem_classes="tl-filters"):
        text = gr.Textbox(label="Search", placeholder="Any words of it", max_lines=1, scale=3, min_width=260)
        show = gr.Dropdown([(name, show.value) for show, name in SHOWN.items()], label="Show", scale=2, min_width=180)
        reasons = [("Any reason", ""), *((name, code) for code, name in LABELS.items())]
        reason = gr.Dropdown(reasons, value="", label="Reason", scale=2, min_width=160)
        version = gr.Dropdown([("Any version", "")], value="", label="Version", scale=2, min_width=160)
        person = gr.Dropdown([("Anybody", "")], value="", label="Person", scale=1, min_width=150)
        days = gr.Dropdown([(SPAN_NAMES[n], n) for n in SPANS], value=0, label="When", scale=1, min_width=150)
    return [text, show, reason, version, person, days], _live_html(elem_id="tl-answers")


def _export_part(services: Services, about: gr.Textbox) -> None:
    gr.HTML(
        "<h2>Take it with you</h2><p>A text file with one entry a line, as training tools read it (JSONL).</p>",
        js_on_load=None,
    )
    with gr.Row(elem_classes="tl-line"):
        format = gr.Dropdown(list(handlers.FORMATS), value="preference", label="What to export", scale=3, min_width=300)
        export = gr.Button("Make the file", scale=0, min_width=140)
    file = gr.File(label="File", visible=False, interactive=False)

    def make(kind: str, assistant: str, request: gr.Request) -> Any:
        with spoken_errors():
            path = handlers.export(services, caller_of(services, request), assistant=assistant, format=kind)
            return gr.update(value=str(path), visible=True)

    export.click(make, [format, about], file, **QUICK)


def _live_html(*, elem_id: str | None = None) -> gr.HTML:
    """HTML whose links and forms work."""
    script = (Path(__file__).parent / "feedback.js").read_text()
    return gr.HTML(js_on_load=script, apply_default_css=False, elem_id=elem_id, container=False)


def _drawn(seen: Glance) -> list[Any]:
    """The updates of the overview, in the order of its parts."""
    rated = [step for step in seen.steps if step.up + step.down]
    approval = [[_ms(at), round(100 * at.up / (at.up + at.down)), at.up + at.down] for at in rated]
    volume = [
        row for at in seen.steps for row in ([_ms(at), at.answers, "Answers"], [_ms(at), at.up + at.down, "Ratings"])
    ]
    drawn = len(rated) > 1
    plots = (
        [
            _plotted(approval, When="temporal", Liked="quantitative", Ratings="quantitative"),
            _plotted(volume, When="temporal", **{"How many": "quantitative"}, What="nominal"),
        ]
        if drawn
        else [None, None]
    )
    return [seen.said, gr.update(visible=drawn), *plots, seen.breakdown, seen.questions]


def _plotted(rows: list[list[Any]], **columns: str) -> dict[str, Any]:
    """What a plot takes; a frame with times in it warns, in Gradio 6.31 with Pandas 3, of Pandas 4."""
    return {"columns": list(columns), "data": rows, "datatypes": columns, "mark": "line"}


def _ms(step: Day) -> int:
    return int(datetime.combine(step.day, time(), UTC).timestamp() * 1000)


def _filters(at: Place, before: Place, offered: Choices) -> list[Any]:
    """The updates of the form, in its order."""
    return [
        gr.skip() if at.text == before.text else at.text,
        at.show.value,
        at.reason,
        gr.update(choices=offered.versions, value=at.version),
        gr.update(choices=offered.people, value=at.rater),
        at.days,
    ]
