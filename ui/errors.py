"""How errors reach a person: one sentence in a Gradio error. What nobody foresaw is logged under a number."""

import html
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex

import gradio as gr

from assistant.errors import ThumbloopError

logger = logging.getLogger(__name__)


@contextmanager
def spoken_errors() -> Iterator[None]:
    """Turn errors within into `gr.Error`: ours as their sentence, others as a number to look up in the log."""
    try:
        yield
    except gr.Error:
        raise
    except ThumbloopError as exc:
        raise gr.Error(html.escape(str(exc), quote=False), print_exception=False) from exc
    except Exception as exc:
        number = token_hex(4)
        logger.exception("error %s", number)
        sentence = f"Something went wrong here. Try again; if it stays, tell the admin: error {number} is in the log."
        raise gr.Error(sentence, print_exception=False) from exc
