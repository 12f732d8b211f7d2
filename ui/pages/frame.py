"""What all pages share: the bar on top, who is calling, and how a page for admins shuts others out."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from assistant.errors import NotAllowed
from ui.api import caller_of
from ui.errors import spoken_errors
from ui.pages.markup import escape
from ui.services import Services
from ui.sessions import Caller

QUICK: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}
"""Options of the events of pages. They are private: what other programs may call is in `ui.api`."""
FIRST = {**QUICK, "queue": False}
"""Options of what fills a page when it is opened."""
NAVIGATION = (("Documents", "documents"), ("Feedback", "feedback"), ("Retrain", "retrain"), ("Assistant", "assistant"))
SIGN_IN_FIRST = (
    '<div class="tl-empty"><h2>Sign in as admin</h2><p>This page is for admins.</p>'
    '<p><a class="tl-button" href="{login}">Sign in</a></p><p><a href="./">Go on chatting</a></p></div>'
)


def bar(caller: Caller | None, *, here: str) -> str:
    """The bar on top: where one can go, and who one is."""
    links = [("Chat", "")] + (list(NAVIGATION) if caller is not None and caller.is_admin else [])
    nav = "".join(
        f'<a href="./{path}"{" aria-current=page" if path == here else ""}>{escape(name)}</a>' for name, path in links
    )
    if caller is None or caller.role == "guest":
        who = f'<a href="./login?next=/{here}">Sign in</a>'
    else:
        who = f'<span class="tl-name">{escape(caller.name)}</span><a href="./logout">Sign out</a>'
    return (
        f'<header class="tl-bar"><a class="tl-brand" href="./"><span aria-hidden="true">{LOGO}</span>Thumbloop</a>'
        f'<nav aria-label="Pages">{nav}</nav><div class="tl-who">{who}</div></header>'
    )


def top(services: Services, demo: gr.Blocks, *, here: str) -> None:
    """Put the bar on a page and fill it for whoever opens the page."""
    shown = gr.HTML(bar(None, here=here), elem_id="tl-top", js_on_load=None, apply_default_css=False)

    def fill(request: gr.Request) -> str:
        return bar(caller_of(services, request), here=here)

    demo.load(fill, outputs=shown, **FIRST)


def admins_only(services: Services, demo: gr.Blocks, *, here: str) -> gr.Column:
    """The column for what only admins see; it stays shut, and says why, when somebody else opens the page."""
    shut = gr.HTML(visible=False, js_on_load=None, apply_default_css=False)
    page = gr.Column(visible=False, elem_classes="tl-page")

    def admit(request: gr.Request) -> tuple[Any, Any]:
        try:
            caller_of(services, request).require_admin()
        except NotAllowed:
            return gr.update(value=SIGN_IN_FIRST.format(login=f"./login?next=/{here}"), visible=True), gr.update()
        return gr.update(), gr.update(visible=True)

    demo.load(admit, outputs=[shut, page], **FIRST)
    return page


def on_load(demo: gr.Blocks, services: Services, handler: Callable[[Caller], Any], outputs: list[Any]) -> None:
    """Fill a page for an admin who opens it; a guest gets nothing, and no error either."""

    def fill(request: gr.Request) -> Any:
        caller = caller_of(services, request)
        if not caller.is_admin:
            return [gr.update() for _ in outputs] if len(outputs) > 1 else gr.update()
        with spoken_errors():
            return handler(caller)

    demo.load(fill, outputs=outputs, **FIRST)


LOGO = (
    '<svg viewBox="0 0 32 32"><path d="M25.5 11A11 11 0 1 0 27 17M27 6v6h-6" /><path class="tl-thumb-mark" '
    'd="M12.5 15v7h-2.2a.8.8 0 0 1-.8-.8v-5.4c0-.4.4-.8.8-.8h2.2Zm0 0 2.6-4.6c.9 0 1.7.7 1.7 1.7V14h3.4c.9 0 1.5.8 '
    '1.4 1.6l-.9 5.2c-.1.7-.7 1.2-1.4 1.2h-6.8" /></svg>'
)
