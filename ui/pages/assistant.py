"""The assistant page's layout and wiring, for admins. What its button does is in `ui.pages.assistant_handlers`."""

from typing import Any

import gradio as gr

from ui.api import caller_of
from ui.errors import spoken_errors
from ui.pages import assistant_handlers as handlers
from ui.pages.frame import QUICK, admins_only, assistant_picker, on_load, top
from ui.pages.markup import escape
from ui.services import Services
from ui.sessions import Caller


def lay_out(services: Services, demo: gr.Blocks) -> None:
    """Put the page into the Blocks that is open."""
    about = top(services, demo, here="assistant")
    with admins_only(services, demo, here="assistant"):
        assistant_picker(services, demo, about)
        gr.HTML("<h1>Assistant</h1><p>Who answers on the chat page, and how.</p>", js_on_load=None)
        fields = _words()
        gr.HTML("<h2>Sources from the documents</h2>", js_on_load=None)
        fields.append(gr.Radio(list(handlers.FOCUSES), label="What the model is given"))
        automatic = gr.HTML(js_on_load=None, apply_default_css=False, elem_classes="tl-quiet")
        fields += _numbers()
        with gr.Row(elem_classes="tl-line"):
            save = gr.Button("Save", variant="primary", scale=0, min_width=140)
            said = gr.HTML(js_on_load=None, apply_default_css=False)

    def store(given: dict[Any, Any], request: gr.Request) -> str:
        values = {name: given[field] for name, field in zip(handlers.FIELDS, fields, strict=True)}
        with spoken_errors():
            done = handlers.save(services, caller_of(services, request), values, assistant=given[about])
            return f'<p class="tl-thanks" role="status">{escape(done)}</p>'

    def fill(caller: Caller, assistant: str) -> list[Any]:
        means = escape(handlers.automatic(services, caller, assistant=assistant))
        return [*handlers.load(services, caller, assistant=assistant), means]

    save.click(store, {*fields, about}, said, **QUICK)
    on_load(demo, services, fill, [*fields, automatic], about)


def _words() -> list[Any]:
    return [
        gr.Textbox(label="Name", max_lines=1),
        gr.Textbox(label="Instructions", info="What the model is told before each conversation.", lines=3),
        gr.Textbox(label="Greeting", lines=2),
        gr.Textbox(label="Example questions", info="One a line; people start with a click on one.", lines=4),
    ]


def _numbers() -> list[Any]:
    with gr.Row():
        passages = gr.Slider(
            0, 20, step=1, label="Passages or sentences for an answer", info="0: answer without the documents."
        )
        score = gr.Number(
            label="Least match, 0 to 1", info="Below it a source does not fit. Empty: automatic, as learned."
        )
    gr.HTML("<h2>Writing</h2>", js_on_load=None)
    with gr.Row():
        temperature = gr.Slider(0, 2, step=0.05, label="Freedom (temperature)", info="0: always the likeliest word.")
        top_p = gr.Slider(0.01, 1, step=0.01, label="Choice of words (top p)", info="1: every word may come.")
    with gr.Row():
        longest = gr.Number(label="Longest answer, in tokens", precision=0)
        room = gr.Number(label="Room for the whole prompt, in tokens", precision=0)
    return [passages, score, temperature, top_p, longest, room]
