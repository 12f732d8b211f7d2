"""The share page's layout and wiring, for admins. What it says and makes is in `ui.pages.share_handlers`."""

from pathlib import Path
from typing import Any

import gradio as gr

from ui.api import caller_of
from ui.errors import spoken_errors
from ui.pages import share_handlers as handlers
from ui.pages.frame import FIRST, QUICK, admins_only, assistant_picker, named_or_first, top
from ui.services import Services

HERE = Path(__file__).parent
FROM_ADDRESS_JS = """() => {
  const address = new URL(location.href);
  return [address.searchParams.get("a") || "", new URL("./", address).href];
}"""


def lay_out(services: Services, demo: gr.Blocks) -> None:
    """Put the page into the Blocks that is open."""
    about = top(services, demo, here="share")
    script = (HERE / "share.js").read_text()
    with admins_only(services, demo):
        assistant_picker(services, demo, about)
        gr.HTML("<h1>Share</h1><p>Let others chat with this assistant, where they are.</p>", js_on_load=None)
        ways = gr.HTML(js_on_load=script, apply_default_css=False)
        space = gr.HTML(js_on_load=script, apply_default_css=False)
        with gr.Row(elem_classes="tl-line"):
            make = gr.Button("Prepare the Space", variant="primary", scale=0, min_width=200)
        file = gr.File(label="The Space's files", visible=False, interactive=False)
    address = gr.Textbox(visible="hidden", label="Address", show_label=False)

    def fill(assistant: str, site: str, request: gr.Request) -> Any:
        caller = caller_of(services, request)
        if not caller.is_admin:
            return [gr.skip(), gr.skip()]
        with spoken_errors():
            named = named_or_first(services, caller, assistant)
            return [
                handlers.ways(services, caller, assistant=named, site=site),
                handlers.space_steps(services, caller, assistant=named),
            ]

    def prepare(assistant: str, request: gr.Request) -> Any:
        with spoken_errors():
            path = handlers.prepare_space(services, caller_of(services, request), assistant=assistant)
            return gr.update(value=str(path), visible=True)

    make.click(prepare, about, file, **{**QUICK, "show_progress": "minimal"})
    demo.load(fill, [about, address], [ways, space], js=FROM_ADDRESS_JS, **FIRST)
