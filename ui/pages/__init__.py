"""The Gradio pages: for each a module of layout and wiring, and one of handlers that tests call without a browser."""

from pathlib import Path

import gradio as gr

from ui import api
from ui.pages import assistant, chat, documents, feedback, mine, retrain, share
from ui.services import Services

HERE = Path(__file__).parent
STYLE = HERE / "style.css"
"""To be given to Gradio with `ui.theme`, where the app is mounted or launched."""


def head() -> str:
    """What goes into the head of every page."""
    return f"<script>{(HERE / 'focus.js').read_text(encoding='utf-8')}</script>"


def build(services: Services) -> gr.Blocks:
    """All pages and the named API, ready to be mounted."""
    with gr.Blocks(title="Thumbloop", analytics_enabled=False, fill_width=True) as demo:
        api.register(services)  # first, so that no handler of a page takes one of its names
        chat.lay_out(services, demo)
    with demo.route("Chat", "/embed", show_in_navbar=False):
        chat.lay_out(services, demo, alone=True)
    for name, path, page in (
        ("My feedback", "/mine", mine),
        ("Documents", "/documents", documents),
        ("Feedback", "/feedback", feedback),
        ("Retrain", "/retrain", retrain),
        ("Assistants", "/assistant", assistant),
        ("Share", "/share", share),
    ):
        with demo.route(name, path, show_in_navbar=False):
            page.lay_out(services, demo)
    return demo
