"""The builder page's layout, for admins: all assistants, and the form of one beside its preview.

What belongs together is wired in `ui.pages.assistant_wiring`; what is done is in the handlers.
"""

from pathlib import Path
from typing import Any

import gradio as gr

from assistant import persona
from ui.pages import assistant_handlers as handlers
from ui.pages import assistant_html as html
from ui.pages.assistant_wiring import Form, Overview, TryOut, wire
from ui.pages.frame import admins_only, top
from ui.pages.preview_handlers import Talk
from ui.services import Services

HERE = Path(__file__).parent
SILENT: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}
PARTS = "In words and parts of words: 100 are about 75 words."
READS = "Instructions, earlier turns, sources and question together."


def lay_out(services: Services, demo: gr.Blocks) -> None:
    """Put the page into the Blocks that is open."""
    top(services, demo, here="assistant")
    with admins_only(services, demo):
        chosen = gr.Textbox("", visible="hidden", label="Assistant", show_label=False)
        overview = _overview()
        with gr.Column(visible=False) as column:
            head = gr.HTML(**SILENT)
            gr.HTML(
                html.SWITCH, js_on_load=(HERE / "sides.js").read_text(), apply_default_css=False, elem_id="tl-turns"
            )
            with gr.Row(elem_classes="tl-builder", equal_height=False):
                with gr.Column(scale=6, min_width=320, elem_classes="tl-fields"):
                    form = _form(column, head)
                with gr.Column(scale=5, min_width=320, elem_classes="tl-preview"):
                    tried = _preview()
    wire(services, demo, chosen=chosen, overview=overview, form=form, tried=tried)


def _overview() -> Overview:
    with gr.Column(visible=False) as column:
        gr.HTML("<h1>Assistants</h1><p>Each answers from its own documents, in its own way.</p>", **SILENT)
        said = gr.HTML(**SILENT)
        cards = gr.HTML(js_on_load=(HERE / "rows.js").read_text(), apply_default_css=False)
        gr.HTML("<h2>Make another one</h2><p>Choose what comes close. You can change all of it.</p>", **SILENT)
        gr.HTML(html.starting_points(), **SILENT)
        upload = gr.UploadButton("Import from a file", file_types=[".zip"], size="sm", elem_classes="tl-import")
    return Overview(column=column, said=said, cards=cards, upload=upload)


def _form(column: gr.Column, head: gr.HTML) -> Form:
    fields: dict[str, Any] = {}
    notes: dict[str, gr.HTML] = {}

    def add(name: str, field: Any) -> None:
        fields[name], notes[name] = field, gr.HTML(elem_classes="tl-note-of", **SILENT)

    with gr.Row(elem_classes="tl-called"):
        with gr.Column(scale=0, min_width=96):
            add("avatar", gr.Textbox(label="Avatar", max_lines=1, max_length=24, placeholder="A"))
        with gr.Column(scale=5, min_width=200):
            add("name", gr.Textbox(label="Name", max_lines=1, placeholder="What people see"))
    slug = gr.Textbox(label="Short name", info="In addresses and for programs. It stays as it is later.", max_lines=1)
    slug_note = gr.HTML(elem_classes="tl-note-of", **SILENT)
    add("access", gr.Radio(list(handlers.WHO), label="Who may use it"))
    gr.HTML("<h2>What it says</h2>", **SILENT)
    told = "What it is told before each conversation: who it is, and how to answer."
    add("system_prompt", gr.Textbox(label="Instructions", info=told, lines=5, max_lines=14))
    add("greeting", gr.Textbox(label="Greeting", lines=2, max_lines=6))
    add("example_questions", _examples())
    gr.HTML("<h2>Documents</h2>", **SILENT)
    add("grounded", gr.Checkbox(label="Answer from its documents, with sources"))
    with gr.Column() as sources:
        with gr.Row():
            with gr.Column(min_width=200):
                add("passages", gr.Slider(1, persona.RANGES["passages"][1], step=1, label="Sources for an answer"))
            with gr.Column(min_width=200):
                fits = "0 to 1; a source below it does not fit. Empty: automatic, as learned."
                add("min_score", gr.Number(label="Least match", info=fits, step=0.01))
        add("focus", gr.Radio(list(handlers.FOCUSES), label="What the model is given"))
    gr.HTML("<h2>How it answers</h2>", **SILENT)
    tone = gr.Radio(
        [*handlers.TONES, handlers.OWN],
        label="Tone",
        info="Precise keeps to the likeliest words; creative varies more, and errs more.",
    )
    with gr.Accordion("Advanced", open=False):
        _numbers(add)
        two = "For the reader to choose between; 0: never. It costs a second answer's time."
        add("compare_share", gr.Slider(0, 1, step=0.05, label="Share of questions that get two answers", info=two))
        add(
            "model",
            gr.Textbox(
                label="Model", info="default, a folder of this machine, or a name on the Hugging Face hub.", max_lines=1
            ),
        )
        model_told = gr.HTML(elem_classes="tl-quiet", **SILENT)
    with gr.Row(elem_classes="tl-line tl-save"):
        save = gr.Button("Save", variant="primary", scale=0, min_width=160)
        said = gr.HTML(**SILENT)
    with gr.Column(visible=False) as more:
        gr.HTML(
            "<h2>Take it with you</h2><p>Settings, documents, and the answers that people corrected or liked "
            "for everybody, as one file to import elsewhere. Conversations and ratings stay here.</p>",
            **SILENT,
        )
        with_adapter = gr.Checkbox(label="With the trained version that answers now", visible=False)
        export = gr.Button("Make the file", size="sm", scale=0)
        file = gr.File(label="File", visible=False, interactive=False)
    return Form(
        column=column,
        head=head,
        slug=slug,
        slug_note=slug_note,
        ear=gr.HTML(js_on_load=(HERE / "typed.js").read_text(), apply_default_css=False, elem_classes="tl-note-of"),
        suggested=gr.State(""),
        fields=fields,
        notes=notes,
        tone=tone,
        sources=sources,
        model_told=model_told,
        save=save,
        said=said,
        more=more,
        with_adapter=with_adapter,
        export=export,
        file=file,
    )


def _examples() -> gr.Textbox:
    return gr.Textbox(
        label="Example questions", info="One a line; people start with a click on one.", lines=3, max_lines=12
    )


def _numbers(add: Any) -> None:
    with gr.Row():
        with gr.Column(min_width=200):
            likeliest = "0: always the likeliest word."
            add("temperature", gr.Slider(0, 2, step=0.05, label="Freedom (temperature)", info=likeliest))
        with gr.Column(min_width=200):
            every = "1: every word may come."
            add("top_p", gr.Slider(0.01, 1, step=0.01, label="Choice of words (top p)", info=every))
    with gr.Row():
        with gr.Column(min_width=200):
            add("max_new_tokens", gr.Number(label="Longest answer (tokens)", info=PARTS, precision=0))
        with gr.Column(min_width=200):
            add("context_tokens", gr.Number(label="Most it reads for an answer (tokens)", info=READS, precision=0))


def _preview() -> TryOut:
    gr.HTML(
        "<h2>Try it</h2><p>Answers as the form is now, saved or not. Nothing here is stored or learned from.</p>",
        **SILENT,
    )
    js = (HERE / "preview.js").read_text()
    shown = gr.HTML(js_on_load=js, apply_default_css=False, autoscroll=True, elem_classes="tl-tried")
    box = gr.Textbox(
        label="Your message to the preview",
        show_label=False,
        placeholder="Ask it something",
        max_lines=4,
        submit_btn="Send",
        stop_btn=False,
        container=False,
        elem_classes="tl-ask",
    )
    clear = gr.Button("Start over", size="sm", scale=0, min_width=110)
    return TryOut(shown=shown, box=box, clear=clear, talk=gr.State(Talk()))
