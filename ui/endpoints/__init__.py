"""The named API, as plain functions `(services, caller, ...)` that pages, clients and tests call alike.

Each checks its caller and what it was given, and answers with plain JSON values; `ui.api` gives them their addresses.
"""

from ui.endpoints.assistants import (
    assistants,
    create_assistant,
    delete_assistant,
    duplicate_assistant,
    export_assistant,
    import_assistant,
    update_assistant,
)
from ui.endpoints.chat import chat, retry
from ui.endpoints.documents import delete_document, documents, ingest
from ui.endpoints.exchange import export
from ui.endpoints.feedback import compare, correct, leave_out, rate, reword, take_back_rewording, use_again
from ui.endpoints.mine import forget, my_data
from ui.endpoints.retraining import (
    adapters,
    cancel,
    promote,
    reject,
    retrain,
    rollback,
    run,
    runs,
    schedule,
    set_schedule,
    status,
    teach,
)
from ui.endpoints.sources import source

__all__ = [
    "adapters",
    "assistants",
    "cancel",
    "chat",
    "compare",
    "correct",
    "create_assistant",
    "delete_assistant",
    "delete_document",
    "documents",
    "duplicate_assistant",
    "export",
    "export_assistant",
    "forget",
    "import_assistant",
    "ingest",
    "leave_out",
    "my_data",
    "promote",
    "rate",
    "reject",
    "retrain",
    "retry",
    "reword",
    "rollback",
    "run",
    "runs",
    "schedule",
    "set_schedule",
    "source",
    "status",
    "take_back_rewording",
    "teach",
    "update_assistant",
    "use_again",
]
