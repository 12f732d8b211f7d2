"""Version 0 of the default model's adapter, by which it answers from sources. README.md beside this is its card."""

from pathlib import Path

DEFAULT_ADAPTER = Path(__file__).parent
