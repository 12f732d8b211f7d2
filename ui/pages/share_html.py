"""How the share page looks: addresses and snippets to copy."""

from collections.abc import Sequence

from ui.pages.markup import escape

HEIGHT = 640


def ways(*, chat: str, script: str, name: str, notes: Sequence[str]) -> str:
    """The ways to an assistant: its own address, a frame, a tag. `chat` and `script` are addresses."""
    frame = (
        f'<iframe src="{escape(chat)}" title="{escape(name)}" allow="clipboard-write"\n'
        f'  style="width: 100%; height: {HEIGHT}px; border: 0"></iframe>'
    )
    tag = f'<script async src="{escape(script)}"></script>\n<gradio-app src="{escape(chat)}"></gradio-app>'
    said = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return (
        f'<div class="tl-stack"><h2>A page of its own</h2><p>Only the chat: no menu, no admin pages. '
        f'<a href="{escape(chat)}" target="_blank" rel="noopener">Open it</a></p>{snippet(chat, "Address")}'
        "<h2>In a page of yours</h2><p>Put this where the chat should be. It works on any site, and nothing of the "
        f"chat runs in your page.</p>{snippet(frame, 'Frame')}"
        "<p>Or with Gradio's tag. Its small script comes from this server and loads nothing else: it puts the same "
        "frame in the place of the tag. Gradio's own component is not used: it would run the chat inside your page, "
        f"and this server would have to answer to pages of any site.</p>{snippet(tag, 'Gradio tag')}"
        f'<ul class="tl-reasons-list">{said}</ul></div>'
    )


def snippet(text: str, label: str) -> str:
    """Text to copy, with a button that does."""
    return (
        f'<div class="tl-snippet"><pre tabindex="0" aria-label="{escape(label)}"><code>{escape(text)}</code></pre>'
        f'<button type="button" class="tl-small" data-do="copy" aria-label="Copy: {escape(label)}">Copy</button></div>'
    )
