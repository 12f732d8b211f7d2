"""The preferences of the bench, one a file: to add one, put a file here with a `PREFERENCE`."""

from importlib import import_module
from pkgutil import iter_modules

from bench.loop_gain.preference import Preference


def preferences() -> dict[str, Preference]:
    """All preferences by name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return {each.PREFERENCE.name: each.PREFERENCE for each in modules}
