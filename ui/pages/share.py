"""The share page's layout and wiring, for admins. What it says is in `ui.pages.share_handlers`."""

from pathlib import Path
from typing import Any

import gradio as gr

from ui.api import caller_of
from ui.errors import spoken_errors
from ui.pages import share_handlers as handlers
from ui.pages.frame import FIRST, admins_only, assistant_picker, named_or_first, top
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
    with admins_only(services, demo, here="share"):
        assistant_picker(services, demo, about)
        gr.HTML("<h1>Share</h1><p>Let others chat with this assistant, where they are.</p>", js_on_load=None)
        ways = gr.HTML(js_on_load=script, apply_default_css=False)
    address = gr.Textbox(visible="hidden", label="Address", show_label=False)

    def fill(assistant: str, site: str, request: gr.Request) -> Any:
        caller = caller_of(services, request)
        if not caller.is_admin:
            return gr.skip()
        with spoken_errors():
            named = named_or_first(services, caller, assistant)
            return handlers.ways(services, caller, assistant=named, site=site)

    demo.load(fill, [about, address], ways, js=FROM_ADDRESS_JS, **FIRST)
