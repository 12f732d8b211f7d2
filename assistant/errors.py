"""Every error that a person may see, as one small tree. The message is shown as it is: what happened, why, what to do.

    ThumbloopError
    ├── BadInput            something typed, uploaded or set cannot be used
    ├── NotFound            an id or a name that does not exist (or is not the caller's to see)
    ├── NotAllowed          the caller may not do this
    ├── Conflict            right in itself, but not now: a run is going, another process owns the folder
    ├── DocumentUnreadable  a file gave no text
    ├── ModelUnavailable    a model is missing, damaged, or not what it claims to be
    └── AdapterRefused      an adapter is missing, damaged, or made for another model

Errors of libraries are translated where the library is wrapped, with `raise ... from exc`.
"""


class ThumbloopError(Exception):
    """Base of all errors whose message is displayed to the user."""


class BadInput(ThumbloopError):
    """Something typed, uploaded or set cannot be used."""


class NotFound(ThumbloopError):
    """An id or a name that does not exist, or is not the caller's to see."""


class NotAllowed(ThumbloopError):
    """The caller may not do this."""


class Conflict(ThumbloopError):
    """Right in itself, but not now."""


class DocumentUnreadable(ThumbloopError):
    """A file gave no text."""


class ModelUnavailable(ThumbloopError):
    """A model is missing, damaged, or not what it claims to be."""


class AdapterRefused(ThumbloopError):
    """An adapter is missing, damaged, or made for another model."""
