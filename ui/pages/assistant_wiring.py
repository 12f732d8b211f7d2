"""What happens when on the builder page: opening it, typing, saving, trying out; `ui.pages.assistant` lays it out."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from assistant.tables import Focus
from ui.api import GENERATION, GENERATION_LIMIT, caller_of
from ui.errors import spoken_errors
from ui.pages import assistant_handlers as handlers
from ui.pages import assistant_html as html
from ui.pages import events
from ui.pages import preview_handlers as previews
from ui.pages.frame import FIRST, QUICK
from ui.pages.markup import escape
from ui.pages.preview_handlers import Preview, Talk
from ui.services import Services

NEW = "+"
"""Begins what is chosen where an assistant is made: the key of its starting point follows."""
ADDRESS_JS = """() => {
  const asked = new URL(location.href).searchParams;
  return asked.get("a") || (asked.get("new") ? "+" + asked.get("new") : "");
}"""
MADE_JS = """(made) => { if (made) location.assign("./assistant?a=" + encodeURIComponent(made)); }"""
TONE_JS = f"(tone, ...numbers) => ({json.dumps(handlers.TONES)})[tone] ?? numbers"
"""In the browser, so that who saves at once saves the numbers of the tone."""
TYPED: dict[str, Any] = {**QUICK, "trigger_mode": "always_last", "concurrency_limit": 1}
"""One after the other, so that what is said last is about what was typed last."""
WRITING: dict[str, Any] = {**QUICK, "concurrency_limit": GENERATION_LIMIT, "concurrency_id": GENERATION}


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The list of assistants."""

    column: gr.Column
    said: gr.HTML
    cards: gr.HTML
    upload: gr.UploadButton


@dataclass(frozen=True, kw_only=True)
class Form:
    """The form of one assistant."""

    column: gr.Column
    head: gr.HTML
    slug: gr.Textbox
    slug_note: gr.HTML
    ear: gr.HTML
    """Hears that somebody typed."""
    suggested: gr.State
    """The short name that was made from the name last; another one was typed."""
    fields: dict[str, Any]
    notes: dict[str, gr.HTML]
    tone: gr.Radio
    sources: gr.Column
    model_told: gr.HTML
    save: gr.Button
    said: gr.HTML
    more: gr.Column
    with_adapter: gr.Checkbox
    export: gr.Button
    file: gr.File


@dataclass(frozen=True, kw_only=True)
class TryOut:
    """The preview."""

    shown: gr.HTML
    box: gr.Textbox
    clear: gr.Button
    talk: gr.State


def wire(
    services: Services, demo: gr.Blocks, *, chosen: gr.Textbox, overview: Overview, form: Form, tried: TryOut
) -> None:
    """Connect everything on the page."""
    _wire_opening(services, demo, chosen, overview, form, tried)
    _wire_overview(services, overview)
    _wire_typing(services, chosen, form, tried)
    _wire_saving(services, chosen, form)
    _wire_preview(services, chosen, form, tried)


def _wire_opening(
    services: Services, demo: gr.Blocks, chosen: gr.Textbox, overview: Overview, form: Form, tried: TryOut
) -> None:
    outputs = [
        chosen, overview.column, overview.cards, form.column, form.head, form.slug, form.suggested, form.tone,
        form.sources, form.model_told, form.save, form.more, form.with_adapter, tried.shown, *form.fields.values(),
    ]  # fmt: skip

    def fill(asked: str, request: gr.Request) -> list[Any]:
        caller = caller_of(services, request)
        untouched = [gr.skip() for _ in outputs]
        if not caller.is_admin:
            return untouched
        with spoken_errors():
            if not asked:
                shown = handlers.cards(services, caller)
                return ["", gr.update(visible=True), shown, *untouched[3:]]
            assistant, start = ("", asked.removeprefix(NEW)) if asked.startswith(NEW) else (asked, "")
            values = handlers.load(services, caller, assistant=assistant, start=start)
            has_version = bool(assistant) and handlers.has_version(services, caller, assistant=assistant)
            slug = assistant or handlers.suggest(services, caller, name=values["name"])
            return [
                assistant,
                gr.skip(),
                gr.skip(),
                gr.update(visible=True),
                handlers.head(services, caller, assistant=assistant),
                gr.update(value=slug, visible=not assistant),
                slug,
                handlers.tone_of(values["temperature"], values["top_p"]),
                gr.update(visible=values["grounded"]),
                escape(handlers.about_model(services, caller, model=values["model"])),
                "Save" if assistant else "Make it",
                gr.update(visible=bool(assistant)),
                gr.update(visible=has_version),
                previews.at_rest(values, Talk()).html,
                *(values[name] for name in form.fields),
            ]

    demo.load(fill, inputs=chosen, outputs=outputs, js=ADDRESS_JS, **FIRST)


def _wire_overview(services: Services, overview: Overview) -> None:
    def act(event: gr.EventData, request: gr.Request) -> tuple[str, str]:
        with spoken_errors():
            caller, data = caller_of(services, request), event._data or {}
            todo, assistant = events.text(data, "do"), events.text(data, "target")
            said = handlers.act(services, caller, do=todo, assistant=assistant)
            return said, handlers.cards(services, caller)

    def bring_in(path: str, request: gr.Request) -> tuple[str, str]:
        with spoken_errors():
            caller = caller_of(services, request)
            said = handlers.bring_in(services, caller, path=path)
            return said, handlers.cards(services, caller)

    overview.cards.act(act, None, [overview.said, overview.cards], **QUICK)
    overview.upload.upload(bring_in, overview.upload, [overview.said, overview.cards], **QUICK)


def _wire_typing(services: Services, chosen: gr.Textbox, form: Form, tried: TryOut) -> None:
    """Each field says at once what is wrong with it, and the short name, the tone and the preview follow."""
    everything = {*form.fields.values(), chosen, form.slug, form.suggested, tried.talk}
    outputs = [*form.notes.values(), form.slug_note, form.tone, form.slug, form.suggested, tried.shown]

    def look(given: dict[Any, Any], request: gr.Request) -> list[Any]:
        with spoken_errors():
            caller, values = caller_of(services, request), _values(form, given)
            problems = handlers.problems(services, caller, values)
            slug, slug_said = given[form.slug], ""
            new: Any = gr.skip()
            if not given[chosen]:
                if slug == given[form.suggested]:  # nobody typed one of their own
                    slug = new = handlers.suggest(services, caller, name=str(values["name"] or ""))
                slug_said = handlers.slug_problem(services, caller, slug=slug) if slug else ""
            resting = gr.skip() if given[tried.talk].turns else previews.at_rest(values, Talk()).html
            tone = handlers.tone_of(values["temperature"], values["top_p"])
            notes = [html.problem(problems.get(name, "")) for name in form.notes]
            return [*notes, html.problem(slug_said), tone, new, new, resting]

    def tell_model(model: str, request: gr.Request) -> str:
        with spoken_errors():
            return escape(handlers.about_model(services, caller_of(services, request), model=model))

    form.ear.act(look, everything, outputs, **TYPED)
    numbers = [form.fields["temperature"], form.fields["top_p"]]
    form.tone.input(None, [form.tone, *numbers], numbers, js=TONE_JS, **QUICK)
    form.fields["grounded"].input(lambda on: gr.update(visible=on), form.fields["grounded"], form.sources, **QUICK)
    form.fields["model"].blur(tell_model, form.fields["model"], form.model_told, **QUICK)


def _values(form: Form, given: dict[Any, Any]) -> dict[str, Any]:
    values = {name: given[field] for name, field in form.fields.items()}
    return values | {"focus": values["focus"] or Focus.auto}


def _wire_saving(services: Services, chosen: gr.Textbox, form: Form) -> None:
    made = gr.Textbox("", visible="hidden", label="Made", show_label=False)

    def store(given: dict[Any, Any], request: gr.Request) -> tuple[str, Any, str]:
        with spoken_errors():
            caller, values, assistant = caller_of(services, request), _values(form, given), given[chosen]
            if not assistant:
                return "", gr.skip(), handlers.make(services, caller, values, slug=given[form.slug])
            said = html.said(handlers.save(services, caller, values, assistant=assistant))
            return said, handlers.head(services, caller, assistant=assistant), ""

    def make_file(with_adapter: bool, assistant: str, request: gr.Request) -> Any:
        with spoken_errors():
            caller = caller_of(services, request)
            path = handlers.export(services, caller, assistant=assistant, with_adapter=with_adapter)
            return gr.update(value=str(path), visible=True)

    everything = {*form.fields.values(), form.slug, chosen}
    form.save.click(store, everything, [form.said, form.head, made], **QUICK).then(None, made, js=MADE_JS, **QUICK)
    form.export.click(make_file, [form.with_adapter, chosen], form.file, **QUICK)


def _wire_preview(services: Services, chosen: gr.Textbox, form: Form, tried: TryOut) -> None:
    outputs = [tried.shown, tried.talk, tried.box]
    everything = {*form.fields.values(), chosen, tried.talk, tried.box}

    def ask(given: dict[Any, Any], request: gr.Request) -> Iterator[list[Any]]:
        yield from answered(given, str(given[tried.box]), request)

    def example(given: dict[Any, Any], event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
        yield from answered(
            given, previews.example(_values(form, given), n=str((event._data or {}).get("n", ""))), request
        )

    def answered(given: dict[Any, Any], message: str, request: gr.Request) -> Iterator[list[Any]]:
        with spoken_errors():
            caller, values = caller_of(services, request), _values(form, given)
            for view in previews.ask(
                services, caller, values, assistant=given[chosen], message=message, talk=given[tried.talk]
            ):
                yield _shown(view)

    def clear(given: dict[Any, Any]) -> list[Any]:
        return _shown(previews.at_rest(_values(form, given), Talk()))

    sent = tried.box.submit(ask, everything, outputs, **WRITING)
    asked = tried.shown.act(example, everything, outputs, **WRITING)
    tried.box.stop(clear, everything, outputs, cancels=[sent, asked], **QUICK)
    tried.clear.click(clear, everything, outputs, cancels=[sent, asked], **QUICK)


def _shown(view: Preview) -> list[Any]:
    """The updates of a view, in the order of the preview's outputs."""
    if view.warning:
        gr.Warning(escape(view.warning), title="Please note")
    box: dict[str, Any] = {"submit_btn": False if view.busy else "Send", "stop_btn": "Stop" if view.busy else False}
    if view.busy:
        box["value"] = ""
    return [view.html, view.talk, gr.update(**box)]
