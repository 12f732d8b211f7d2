"""How the share page looks: addresses and snippets to copy, and the steps to a Space."""

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
        "<p>Or with Gradio's tag. Its small script comes from this server, loads nothing else, and puts the same frame "
        f"in the place of the tag.</p>{snippet(tag, 'Gradio tag')}"
        f'<ul class="tl-reasons-list">{said}</ul></div>'
    )


def space_steps(commands: str, *, takes: Sequence[str], leaves: Sequence[str]) -> str:
    """What a Space is, what goes into it and what stays here, and how it gets there."""
    return (
        '<div class="tl-stack"><h2>A Hugging Face Space</h2><p>A Space is a page that Hugging Face runs for you, '
        "public if you like. This prepares a file with all that it needs. Nothing is sent from here: it is you who "
        "puts it online.</p>"
        f'<div class="tl-sides"><div><b>It takes along</b><ul>{_items(takes)}</ul></div>'
        f"<div><b>It leaves here</b><ul>{_items(leaves)}</ul></div></div>"
        "<p>Prepare the file below, then run this in a terminal, with your own name:</p>"
        f"{snippet(commands, 'Commands')}"
        "<p>Or make a Gradio Space on huggingface.co by hand, and drop the unpacked files on its page “Files”. People "
        "can read the documents of a public Space.</p></div>"
    )


def snippet(text: str, label: str) -> str:
    """Text to copy, with a button that does."""
    return (
        f'<div class="tl-snippet"><pre tabindex="0" aria-label="{escape(label)}"><code>{escape(text)}</code></pre>'
        f'<button type="button" class="tl-small" data-do="copy" aria-label="Copy: {escape(label)}">Copy</button></div>'
    )


def _items(texts: Sequence[str]) -> str:
    return "".join(f"<li>{escape(text)}</li>" for text in texts)
