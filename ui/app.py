"""The web application: FastAPI with our sign-in and guard, and Gradio's pages and API mounted under it."""

import asyncio
import logging
import socket
import warnings

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from assistant.errors import Conflict
from ui.api import OTHERS_LIMIT
from ui.embedding import embedding_router
from ui.guard import Guard
from ui.login import login_router
from ui.pages import STYLE, build, head
from ui.services import Services
from ui.sessions import Caller
from ui.theme import thumbloop_theme

logger = logging.getLogger(__name__)

QUEUE_SIZE = 256
UPLOADS_KEPT_S = 86_400
"""How long files that were uploaded or made for download stay, and how often that is looked at."""
GRACE_S = 3
"""How long open streams may take to end when the server stops."""


def create_app(services: Services) -> FastAPI:
    """The application; Gradio's blocks are at `app.state.demo`."""
    settings = services.settings
    secure = bool(settings.space_id)
    app = FastAPI(title="Thumbloop", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(login_router(services.accounts, services.sessions, secure=secure))

    app.include_router(embedding_router(services.database))

    @app.get("/healthz")
    def health() -> JSONResponse:
        return JSONResponse({"status": "ok", "model": services.readiness})

    blocks = app.state.demo = build(services)
    blocks.delete_cache = (UPLOADS_KEPT_S, UPLOADS_KEPT_S)
    blocks.queue(max_size=QUEUE_SIZE, default_concurrency_limit=OTHERS_LIMIT, api_open=False)
    with warnings.catch_warnings():  # Gradio 6.31 warns of server-side rendering even where it is switched off
        warnings.filterwarnings("ignore", "SSR mode is not supported")
        gr.mount_gradio_app(
            app,
            blocks,
            path="/",
            server_name=settings.host,
            server_port=settings.port,
            auth_dependency=_caller_id,
            max_file_size=settings.max_upload_mb * 1024 * 1024,
            ssr_mode=False,
            mcp_server=False,
            enable_monitoring=False,
            run_history=False,
            footer_links=["api"],
            show_error=True,
            theme=thumbloop_theme(),
            css_paths=[STYLE],
            head=head(),
        )
    blocks.has_launched = True  # Gradio 6.31 checks where files come from only in blocks that `launch()` started
    app.add_middleware(Guard, sessions=services.sessions, secure=secure)
    return app


def bind(host: str, port: int) -> socket.socket:
    """Take a port, before anything slow is done; nobody is let in yet. Raises `Conflict` where it is taken."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as exc:
        listener.close()
        raise Conflict(
            f"Port {port} of {host} cannot be opened ({exc.strerror or exc}). "
            "Stop what uses it, or set THUMBLOOP_PORT to another one."
        ) from exc
    return listener


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Serve on a bound socket until interrupted; pages that are open then are cut off without a word in the log."""
    logging.getLogger("uvicorn.error").addFilter(_is_no_cut_off)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE_S
    )
    uvicorn.Server(config).run(sockets=[listener])


def _is_no_cut_off(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _caller_id(request: Request) -> str | None:
    """For Gradio: whom the guard let in. Endpoints identify their callers themselves."""
    caller: Caller | None = request.scope.get("state", {}).get("caller")
    return caller.id if caller is not None else None
