"""What a whole process needs before it imports Gradio or a model: the environment of libraries, and the log."""

import logging
import os
from logging.handlers import RotatingFileHandler

from ui.settings import Settings

LOG_BYTES = 5_000_000
LOG_FILES = 5
CHATTY = ("httpx", "httpx2", "apscheduler", "sentence_transformers", "alembic", "chromadb", "ContinuousBatchingLogger")


def prepare_environment(settings: Settings) -> None:
    """Switch off what libraries would send to other hosts, and put what they write into the home folder.

    Call it before Gradio is imported. The hub stays reachable only where a setting names a model that may be on it.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["ANONYMIZED_TELEMETRY"] = "False"
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000000000"  # else Gradio sums up its last 10,000 events at each
    os.environ["GRADIO_TEMP_DIR"] = str(settings.uploads_dir)
    os.environ.setdefault("MPLCONFIGDIR", str(settings.uploads_dir / "matplotlib"))  # Gradio imports it where it is
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if settings.model == settings.embedding_model == "default":
        os.environ.setdefault("HF_HUB_OFFLINE", "1")


def start_logging(settings: Settings) -> None:
    """Log to `logs/thumbloop.log` in the home folder, a few megabytes at most; errors also to the terminal.

    What libraries warn programmers of goes there alone.
    """
    settings.logs_dir.mkdir(parents=True, exist_ok=True)
    file = RotatingFileHandler(
        settings.logs_dir / "thumbloop.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(process)d %(message)s"))
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.ERROR)
    terminal.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[file, terminal], force=True)
    logging.captureWarnings(True)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
