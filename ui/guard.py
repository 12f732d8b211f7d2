"""What stands before every request: who is let in, from which origin, with which headers the answer goes out.

Plain ASGI, so that streams pass through as they come. Endpoints check their callers themselves all the same.
"""

import re
from urllib.parse import urlsplit

from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.embedding import shut_page
from ui.login import login_address, own_hosts
from ui.sessions import GUEST_COOKIE, GUEST_S, UNKNOWN_GUEST, Caller, Sessions, cookie_header

OPEN_PATHS = ("/login", "/login/", "/logout", "/healthz", "/favicon.ico", "/robots.txt")
"""What people reach before they signed in."""
POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",  # Gradio's page starts by inline scripts
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
SPACE_FRAMES = "'self' https://huggingface.co https://*.hf.space"
SOCIAL_TAGS = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')
"""Gradio's own advertisement in link previews; it names pictures on other hosts."""
FETCHES = re.compile(r"/(?:file=|proxy=)\w+:", re.IGNORECASE)
"""Addresses at which Gradio would fetch something from another host for whoever asks."""
FRAMED = ("/a/", "/embed")
"""The chat alone: the one page that pages of other sites may hold in a frame."""


class Guard:
    """The middleware. `secure` says that browsers reach the app by https, though a proxy speaks http to it."""

    def __init__(self, app: ASGIApp, *, sessions: Sessions, secure: bool) -> None:
        self._app = app
        self._sessions = sessions
        self._secure = secure
        self._policy = _policy(SPACE_FRAMES if secure else "'self'")
        self._framed_policy = _policy("*")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        caller = await run_in_threadpool(self._sessions.caller_of, request.cookies)
        page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        cookie = self._guest_cookie(request, caller, page=page)
        if page:
            _without(scope, b"accept-encoding")  # `_Outgoing` edits the page, so it must come as it is

        policy = self._framed_policy if request.url.path.startswith(FRAMED) else self._policy
        outgoing = _Outgoing(send, policy=policy, cookie=cookie)
        refusal = self._refusal(request, caller, page=page)
        if refusal is not None:
            await refusal(scope, receive, outgoing)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, outgoing)

    def _guest_cookie(self, request: Request, caller: Caller | None, *, page: bool) -> str | None:
        if caller is None or caller.id != UNKNOWN_GUEST or not (page or request.url.path == "/config"):
            return None
        secure = self._secure or request.url.scheme == "https"
        return cookie_header(GUEST_COOKIE, self._sessions.new_guest_cookie(), max_age_s=GUEST_S, secure=secure)

    def _refusal(self, request: Request, caller: Caller | None, *, page: bool) -> Response | None:
        if request.method not in ("GET", "HEAD", "OPTIONS") and not _same_origin(request.headers):
            return JSONResponse({"detail": "Requests from pages of other sites are refused."}, status_code=403)
        path = request.url.path
        if FETCHES.search(path):
            return JSONResponse({"detail": "This app fetches nothing from other hosts."}, status_code=403)
        if caller is None and path not in OPEN_PATHS:
            if page and path.startswith(FRAMED):
                return shut_page(login_address(request))
            if page:
                return RedirectResponse(login_address(request), status_code=303)
            return JSONResponse({"detail": "Sign in first: this app lets no guests in."}, status_code=401)
        if path.rstrip("/").endswith("/upload") and (caller is None or not caller.is_admin):
            return JSONResponse({"detail": "Only an admin may upload files. Sign in as an admin."}, status_code=403)
        return None


class _Outgoing:
    """Sends an answer on with our headers; a page of Gradio's is held back until it is whole, and edited."""

    def __init__(self, send: Send, *, policy: str, cookie: str | None) -> None:
        self._send = send
        self._policy = policy
        self._cookie = cookie
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["content-security-policy"] = self._policy
            headers["x-content-type-options"] = "nosniff"
            headers["referrer-policy"] = "same-origin"
            if self._cookie:
                headers.append("set-cookie", self._cookie)
            if headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers:
                headers["cache-control"] = "no-store"
                self._start = message
                return
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            body = SOCIAL_TAGS.sub(b"", self._body)
            MutableHeaders(scope=self._start)["content-length"] = str(len(body))
            await self._send(self._start)
            await self._send({"type": "http.response.body", "body": body})
            return
        await self._send(message)


def _same_origin(headers: Headers) -> bool:
    """Whether a request comes from our own page, or from no page at all (a program names no origin)."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
    return urlsplit(origin).netloc in own_hosts(headers)


def _policy(frame_ancestors: str) -> str:
    return "; ".join(f"{name} {value}" for name, value in {**POLICY, "frame-ancestors": frame_ancestors}.items())


def _without(scope: Scope, name: bytes) -> None:
    scope["headers"] = [header for header in scope["headers"] if header[0] != name]
