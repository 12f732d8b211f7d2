"""The entry of a Hugging Face Space, and of `python app.py`: what `thumbloop serve` serves.

A Space that was prepared on the Share page brings its assistant along, in a file beside this one.
"""

import sys
from pathlib import Path

from rich.console import Console

from assistant.errors import ThumbloopError
from ui.launch import launch
from ui.settings import load_settings

try:
    launched = launch(load_settings(), console=Console(), brought=Path(__file__).with_name("assistant.thumbloop.zip"))
except ThumbloopError as exc:
    sys.exit(str(exc))
demo = launched.app.state.demo

if __name__ == "__main__":
    launched.run()
