"""The addresses for pages of other sites: `/a/<short name>`, a chat alone, and the script that gives them a tag for it.

The page itself is `/embed`, from `ui.pages`; that it may be held in frames, and nothing else, is `ui.guard`'s business.
"""

import html
from pathlib import Path
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from assistant import records
from assistant.database import Database
from assistant.errors import NotFound

SCRIPT = Path(__file__).parent / "gradio-app.js"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Thumbloop</title>
<style>
:root {{ color-scheme: light dark; --ink: #1c1a18; --paper: #faf9f7; --key: #0e6152; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #f3f1ed; --paper: #131210; --key: #7ccfb8; }} }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; text-align: center; padding: 24px;
        box-sizing: border-box; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }}
a {{ color: var(--key); }}
</style>
</head>
<body><p>{said}</p></body>
</html>
"""


def embedding_router(database: Database) -> APIRouter:
    """The routes; put them before the mounted Gradio app."""
    router = APIRouter()

    @router.get("/a/{slug}")
    def chat_alone(slug: str, request: Request) -> Response:
        try:
            with database.read() as session:
                named = records.assistant_by_slug(session, slug).slug
        except NotFound:
            said = "There is no assistant at this address. Ask whoever gave it to you for the right one."
            return HTMLResponse(PAGE.format(said=said), status_code=404)
        return RedirectResponse(f"../embed?{urlencode({**request.query_params, 'a': named})}", status_code=307)

    @router.get("/gradio-app.js")
    def script() -> Response:
        return FileResponse(SCRIPT, media_type="text/javascript", headers={"cache-control": "no-cache"})

    return router


def shut_page(login: str) -> Response:
    """What a frame shows where no guests are let in; one signs in in a window of its own."""
    link = f'<a href="{html.escape(login, quote=True)}" target="_blank" rel="noopener">Sign in</a>'
    return HTMLResponse(PAGE.format(said=f"This chat is for people who sign in. {link}, then reload this page."), 401)
