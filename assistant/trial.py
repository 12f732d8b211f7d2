"""Which adapters are to answer a conversation, while one of them is on trial. Pure; `assistant.chat` loads them."""

from hashlib import sha256

from assistant.tables import Assistant


def adapters_for(asked: Assistant, conversation: str) -> tuple[str, ...]:
    """The adapters to answer a conversation with, the first that can be loaded; after them comes the base model."""
    on_trial = asked.trial_adapter
    tried = on_trial is not None and takes_part(conversation, on_trial, share=asked.trial_share)
    return tuple(adapter for adapter in (on_trial if tried else None, asked.adapter) if adapter is not None)


def takes_part(conversation: str, adapter: str, *, share: float) -> bool:
    """Whether a conversation is among the share that an adapter on trial answers.

    A hash decides, so it is the same for all turns of a conversation, another draw for the next adapter, and a larger
    share keeps those that a smaller one had.
    """
    drawn = int.from_bytes(sha256(f"{conversation} {adapter}".encode()).digest()[:8])
    return drawn < share * 2**64
