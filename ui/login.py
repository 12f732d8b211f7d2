"""Signing in and out: a plain page for people, and the same address for `gradio_client`, which posts a form to it."""

import html
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from assistant.errors import NotAllowed
from ui.accounts import Accounts
from ui.sessions import SESSION_COOKIE, SESSION_S, Sessions, cookie_header

MAX_FORM_BYTES = 16_384
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Thumbloop</title>
<style>
:root { color-scheme: light dark; --ink: #1c1a18; --soft: #57534d; --paper: #faf9f7; --card: #fff; --line: #d0ccc3;
        --key: #0f7864; --on-key: #fff; --bad: #a32920; }
@media (prefers-color-scheme: dark) { :root { --ink: #f3f1ed; --soft: #a09b91; --paper: #131210; --card: #1c1a18;
        --line: #57534d; --key: #7ccfb8; --on-key: #131210; --bad: #ff9d93; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px; background: var(--paper);
       color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%%; max-width: 360px; padding: 32px; background: var(--card); border: 1px solid var(--line);
       border-radius: 14px; }
h1 { margin: 0 0 4px; font-size: 22px; }
p { margin: 0 0 20px; color: var(--soft); }
p.bad { color: var(--bad); }
label { display: block; margin: 14px 0 4px; font-weight: 600; font-size: 14px; }
input { width: 100%%; padding: 10px 12px; font: inherit; color: inherit; background: var(--paper);
        border: 1px solid var(--line); border-radius: 8px; }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 3px solid var(--key); outline-offset: 2px; }
button { width: 100%%; margin-top: 22px; padding: 11px; font: inherit; font-weight: 600; color: var(--on-key);
         background: var(--key); border: 0; border-radius: 8px; cursor: pointer; }
a { display: block; margin-top: 16px; text-align: center; color: var(--key); }
</style>
</head>
<body>
<main>
<h1>Sign in</h1>
%(message)s
<form method="post" action="login">
<input type="hidden" name="next" value="%(next)s">
<label for="username">Name</label>
<input id="username" name="username" autocomplete="username" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">Sign in</button>
</form>
%(guest)s
</main>
</body>
</html>
"""


def login_router(accounts: Accounts, sessions: Sessions, *, secure: bool) -> APIRouter:
    """The routes `/login` and `/logout`; put them before the mounted Gradio app, which has its own."""
    router = APIRouter()

    @router.get("/login")
    @router.get("/login/")
    def show(request: Request, next: str | None = None) -> Response:
        after = _came_from(request.headers) if next is None else next
        return HTMLResponse(_page("", after, guests=sessions.guests))

    @router.post("/login")
    @router.post("/login/")
    async def sign_in(request: Request) -> Response:
        form = await _form(request)
        browser = "text/html" in request.headers.get("accept", "")
        try:
            account = await run_in_threadpool(accounts.sign_in, form.get("username", ""), form.get("password", ""))
        except NotAllowed as exc:
            if browser:
                return HTMLResponse(_page(str(exc), form.get("next", "/"), guests=sessions.guests), status_code=401)
            return JSONResponse({"detail": str(exc)}, status_code=401)
        response: Response = JSONResponse({"success": True})
        if browser:
            response = RedirectResponse(_local(form.get("next", "/")), status_code=303)
        safe = secure or request.url.scheme == "https"
        cookie = cookie_header(SESSION_COOKIE, sessions.session_cookie(account), max_age_s=SESSION_S, secure=safe)
        response.headers.append("set-cookie", cookie)
        return response

    @router.get("/logout")
    @router.post("/logout")
    def sign_out(request: Request) -> Response:
        response = RedirectResponse("/" if sessions.guests else "/login", status_code=303)
        safe = secure or request.url.scheme == "https"
        response.headers.append("set-cookie", cookie_header(SESSION_COOKIE, "", max_age_s=0, secure=safe))
        return response

    return router


def login_address(request: Request) -> str:
    """Where to sign in before going on to what is requested."""
    return "/login?" + urlencode({"next": _path_and_query(request.url.path, request.url.query)})


def own_hosts(headers: Headers) -> tuple[str, ...]:
    """The names by which a browser may know this site."""
    return tuple(filter(None, (headers.get("host"), headers.get("x-forwarded-host"))))


def _page(problem: str, after: str, *, guests: bool) -> str:
    message = f'<p class="bad" role="alert">{html.escape(problem)}</p>' if problem else "<p>Thumbloop</p>"
    guest = '<a href="./">Go on as a guest</a>' if guests else ""
    return PAGE % {"message": message, "next": html.escape(_local(after), quote=True), "guest": guest}


def _came_from(headers: Headers) -> str:
    """The page of this site on which somebody followed a link, as the browser tells; else the start page."""
    try:
        page = urlsplit(headers.get("referer", ""))
    except ValueError:
        return "/"
    inside = page.netloc in own_hosts(headers) and not page.path.startswith(("/login", "/logout"))
    return _path_and_query(page.path, page.query) if inside else "/"


def _path_and_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _local(address: str) -> str:
    """An address on this site; anything else becomes the start page."""
    plain = address.startswith("/") and not address.startswith("//") and "\\" not in address and address.isprintable()
    return address if plain else "/"


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM_BYTES:
            return {}
    return dict(parse_qsl(body.decode("utf-8", "replace")))
