"""The entry of a Hugging Face Space, and of `python app.py`: what `thumbloop serve` serves."""

import sys

from rich.console import Console

from assistant.errors import ThumbloopError
from ui.launch import launch
from ui.settings import load_settings

try:
    launched = launch(load_settings(), console=Console())
except ThumbloopError as exc:
    sys.exit(str(exc))
demo = launched.app.state.demo

if __name__ == "__main__":
    launched.run()
