"""What all pages share: the bar on top, who is calling, and how a page for admins shuts others out."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import gradio as gr

from assistant import records
from assistant.errors import NotAllowed
from ui import access
from ui.api import caller_of
from ui.errors import spoken_errors
from ui.pages.markup import escape
from ui.services import Services
from ui.sessions import Caller

ASSISTANT_JS = "() => new URL(location.href).searchParams.get('a') || ''"
"""The short name of the assistant that an address is about; empty for the first one."""
GO_TO_JS = """(assistant) => {
  const address = new URL(location.href);
  address.search = "";
  address.searchParams.set("a", assistant);
  location.assign(address);
}"""
QUICK: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}
"""Options of the events of pages. They are private: what other programs may call is in `ui.api`."""
FIRST = {**QUICK, "queue": False}
"""Options of what fills a page when it is opened."""
NAVIGATION = (
    ("Assistants", "assistant"),
    ("Documents", "documents"),
    ("Feedback", "feedback"),
    ("Retrain", "retrain"),
    ("Share", "share"),
)
"""The pages for admins, in the order in which an assistant is made and gets better."""
SIGN_IN_FIRST = (
    '<div class="tl-empty"><h2>Sign in as admin</h2><p>This page is for admins.</p>'
    '<p><a class="tl-button" href="./login">Sign in</a></p><p><a href="./">Go on chatting</a></p></div>'
)


def bar(caller: Caller | None, *, here: str, assistant: str = "") -> str:
    """The bar on top: where one can go, and who one is. Links stay with the assistant that the page is about."""
    links = [("Chat", ""), ("My feedback", "mine")] + (
        list(NAVIGATION) if caller is not None and caller.is_admin else []
    )
    about = f"?{urlencode({'a': assistant})}" if assistant else ""
    nav = "".join(
        f'<a href="./{path}{escape(about)}"{" aria-current=page" if path == here else ""}>{escape(name)}</a>'
        for name, path in links
    )
    if caller is None or caller.role == "guest":
        who = '<a href="./login">Sign in</a>'
    else:
        who = f'<span class="tl-name">{escape(caller.name)}</span><a href="./logout">Sign out</a>'
    return (
        f'<header class="tl-bar"><a class="tl-brand" href="./"><span aria-hidden="true">{LOGO}</span>Thumbloop</a>'
        f'<nav aria-label="Pages">{nav}</nav><div class="tl-who">{who}</div></header>'
    )


def top(services: Services, demo: gr.Blocks, *, here: str) -> gr.Textbox:
    """Put the bar on a page and fill it for whoever opens the page; holds the assistant that the page is about."""
    shown = gr.HTML(bar(None, here=here), elem_id="tl-top", js_on_load=None, apply_default_css=False)
    about = _subject()

    def fill(assistant: str, request: gr.Request) -> tuple[str, str]:
        caller = caller_of(services, request)
        with spoken_errors():
            named = named_or_first(services, caller, assistant)
        return bar(caller, here=here, assistant=assistant), named

    demo.load(fill, inputs=about, outputs=[shown, about], js=ASSISTANT_JS, **FIRST)
    return about


def top_alone(services: Services, demo: gr.Blocks) -> gr.Textbox:
    """Put the narrow bar of a chat in a frame on a page; holds the assistant that the page is about."""
    shown = gr.HTML(elem_id="tl-top", js_on_load=None, apply_default_css=False)
    about = _subject()

    def fill(assistant: str, request: gr.Request) -> tuple[str, str]:
        with spoken_errors():
            caller = caller_of(services, request)
            named = named_or_first(services, caller, assistant)
            with services.database.read() as session:
                asked = records.assistant_by_slug(session, named)
            return bar_alone(named, name="" if access.refusal(caller, asked) else asked.name), named

    demo.load(fill, inputs=about, outputs=[shown, about], js=ASSISTANT_JS, **FIRST)
    return about


def bar_alone(assistant: str, *, name: str) -> str:
    """The bar of a chat in a frame: who answers, a fresh start, and what it is made with."""
    anew = escape(f"./embed?{urlencode({'a': assistant})}")
    return (
        f'<header class="tl-bar tl-bar-alone"><b>{escape(name)}</b><a href="{anew}">New chat</a>'
        f'<span class="tl-brand"><span aria-hidden="true">{LOGO}</span>Thumbloop</span></header>'
    )


def _subject() -> gr.Textbox:
    """Empty until the page is opened: what it holds from the start stands in everybody's page source."""
    return gr.Textbox("", visible="hidden", label="Assistant", show_label=False)


def named_or_first(services: Services, caller: Caller, assistant: str) -> str:
    """The short name of the assistant that an address names, or of the first that the caller may use.

    Whether they may use a named one, what they do with it checks. Raises `NotFound`.
    """
    with services.database.read() as session:
        if assistant:
            return records.assistant_by_slug(session, assistant).slug
        return access.first_usable(session, caller).slug


def admins_only(services: Services, demo: gr.Blocks) -> gr.Column:
    """The column for what only admins see; it stays shut, and says why, when somebody else opens the page."""
    shut = gr.HTML(visible=False, js_on_load=None, apply_default_css=False)
    page = gr.Column(visible=False, elem_classes="tl-page")

    def admit(request: gr.Request) -> tuple[Any, Any]:
        try:
            caller_of(services, request).require_admin()
        except NotAllowed:
            return gr.update(value=SIGN_IN_FIRST, visible=True), gr.update()
        return gr.update(), gr.update(visible=True)

    demo.load(admit, outputs=[shut, page], **FIRST)
    return page


def on_load(
    demo: gr.Blocks, services: Services, handler: Callable[[Caller, str], Any], outputs: list[Any], about: gr.Textbox
) -> None:
    """Fill a page for an admin who opens it, for the assistant it is about; a guest gets nothing, and no error."""

    def fill(assistant: str, request: gr.Request) -> Any:
        caller = caller_of(services, request)
        if not caller.is_admin:
            return [gr.update() for _ in outputs] if len(outputs) > 1 else gr.update()
        with spoken_errors():
            return handler(caller, named_or_first(services, caller, assistant))

    demo.load(fill, inputs=about, outputs=outputs, js=ASSISTANT_JS, **FIRST)


def assistant_picker(services: Services, demo: gr.Blocks, about: gr.Textbox) -> None:
    """A choice of the assistant that a page for admins is about, where there are several."""
    picker = gr.Dropdown([], label="Assistant", visible=False, elem_classes="tl-picker", scale=0, min_width=260)

    def fill(_caller: Caller, assistant: str) -> Any:
        with services.database.read() as session:
            choices = [(one.name, one.slug) for one in records.assistants(session)]
        return gr.update(choices=choices, value=assistant, visible=len(choices) > 1)

    picker.input(None, picker, js=GO_TO_JS, **QUICK)
    on_load(demo, services, fill, [picker], about)


LOGO = (
    '<svg viewBox="0 0 32 32"><path d="M25.5 11A11 11 0 1 0 27 17M27 6v6h-6" /><path class="tl-thumb-mark" '
    'd="M12.5 15v7h-2.2a.8.8 0 0 1-.8-.8v-5.4c0-.4.4-.8.8-.8h2.2Zm0 0 2.6-4.6c.9 0 1.7.7 1.7 1.7V14h3.4c.9 0 1.5.8 '
    '1.4 1.6l-.9 5.2c-.1.7-.7 1.2-1.4 1.2h-6.8" /></svg>'
)
