"""Who gets past the guard, from where, and with which headers answers go out; over ASGI, without Gradio."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.testclient import TestClient

from tests.builders import new_database
from ui.accounts import Accounts
from ui.guard import Guard
from ui.login import login_router
from ui.sessions import GUEST_COOKIE, SESSION_COOKIE, Sessions

PAGE = {"accept": "text/html"}
HTML = """<html><head><meta property="og:image" content="https://elsewhere.example/x.png" />
<meta name="twitter:creator" content="@x" /><title>here</title></head></html>"""


def client(tmp_path: Path, *, guests: bool = True, secure: bool = False) -> Iterator[TestClient]:
    database = new_database(tmp_path)
    accounts = Accounts(database)
    accounts.ensure_admin("tulips in march")
    accounts.add("ann", "roses in may")
    sessions = Sessions(accounts, secret=b"a test's secret", guests=guests)
    app = FastAPI()
    app.include_router(login_router(accounts, sessions, secure=secure))

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse(HTML)

    @app.get("/config")
    @app.post("/act")
    @app.post("/gradio_api/upload")
    def who(request: Request) -> str:
        return str(request.state.caller.role)

    app.add_middleware(Guard, sessions=sessions, secure=secure)
    with TestClient(app, follow_redirects=False) as opened:
        yield opened
    database.close()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[TestClient]:
    yield from client(tmp_path)


def sign_in(web: TestClient, name: str = "admin", password: str = "tulips in march") -> int:
    return web.post("/login", data={"username": name, "password": password}).status_code


def test_a_page_gives_a_guest_a_cookie_once(web: TestClient) -> None:
    assert GUEST_COOKIE in web.get("/", headers=PAGE).cookies
    assert GUEST_COOKIE not in web.get("/", headers=PAGE).cookies
    assert web.get("/config").json() == "guest"


def test_a_page_names_no_other_host_and_may_load_from_none(web: TestClient) -> None:
    answer = web.get("/", headers=PAGE)
    assert "elsewhere" not in answer.text and "twitter" not in answer.text and "<title>here</title>" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http" not in policy and "frame-ancestors 'self'" in policy


def test_signing_in_as_a_client_does(web: TestClient) -> None:
    answer = web.post("/login", data={"username": "admin", "password": "tulips in march"})
    assert answer.json() == {"success": True} and SESSION_COOKIE in answer.cookies
    assert web.get("/config").json() == "admin"
    assert web.get("/logout").status_code == 303
    assert web.get("/config").json() == "guest"


def test_signing_in_as_a_page_does(web: TestClient) -> None:
    form = {"username": "admin", "password": "tulips in march", "next": "/admin"}
    answer = web.post("/login", data=form, headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin")


@pytest.mark.parametrize("after", ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "x"])
def test_nobody_is_sent_to_another_site(web: TestClient, after: str) -> None:
    form = {"username": "admin", "password": "tulips in march", "next": after}
    assert web.post("/login", data=form, headers=PAGE).headers["location"] == "/"


@pytest.mark.parametrize(
    ("page", "after"),
    [
        ("http://testserver/documents?a=tools", "/documents?a=tools"),
        ("http://testserver/?c=7&r=8", "/?c=7&amp;r=8"),
        ("http://testserver/mine", "/mine"),
        ("http://testserver/login?next=%2Fmine", "/"),
        ("http://testserver//elsewhere.example", "/"),
        ("https://elsewhere.example/documents", "/"),
        ("nonsense", "/"),
        ("http://[nonsense", "/"),
        ("", "/"),
    ],
)
def test_whoever_signs_in_comes_back_to_the_very_address(web: TestClient, page: str, after: str) -> None:
    shown = web.get("/login", headers={**PAGE, "referer": page} if page else PAGE).text
    assert f'name="next" value="{after}"' in shown


def test_a_wrong_password_is_one_sentence(web: TestClient) -> None:
    wrong = {"username": '"><script>', "password": "x", "next": '"><script>'}
    answer = web.post("/login", data=wrong, headers=PAGE)
    assert answer.status_code == 401 and "Name or password is wrong" in answer.text and "<script>" not in answer.text
    assert web.post("/login", data=wrong).json() == {"detail": "Name or password is wrong. Check both and try again."}
    assert web.post("/login", content=b"\xff" * 100_000).status_code == 401


@pytest.mark.parametrize(
    "headers", [{"origin": "https://elsewhere.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_other_sites_can_neither_act_nor_sign_in(web: TestClient, headers: dict[str, str]) -> None:
    assert web.post("/act", headers=headers).status_code == 403
    assert web.post("/login", data={"username": "admin"}, headers=headers).status_code == 403
    assert web.post("/act", headers={"origin": "http://testserver"}).json() == "guest"


def test_only_admins_upload(web: TestClient) -> None:
    assert web.post("/gradio_api/upload").status_code == 403
    sign_in(web, "ann", "roses in may")
    assert web.post("/gradio_api/upload").status_code == 403
    sign_in(web)
    assert web.post("/gradio_api/upload").json() == "admin"


@pytest.mark.parametrize(
    "path", ["/gradio_api/file=https://elsewhere.example/x", "/gradio_api/proxy=https://x.example/"]
)
def test_the_app_fetches_nothing_for_anybody(web: TestClient, path: str) -> None:
    sign_in(web)
    assert web.get(path).status_code == 403


def test_without_guests_pages_lead_to_the_sign_in_and_the_rest_is_refused(tmp_path: Path) -> None:
    for web in client(tmp_path, guests=False):
        answer = web.get("/", headers=PAGE)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F")
        assert "Sign in" in web.get("/login", headers=PAGE).text
        answer = web.get("/documents?a=tools", headers=PAGE)
        assert answer.headers["location"] == "/login?next=%2Fdocuments%3Fa%3Dtools"
        assert 'value="/documents?a=tools"' in web.get(answer.headers["location"], headers=PAGE).text
        assert web.get("/config").status_code == web.post("/act").status_code == 401
        sign_in(web, "ann", "roses in may")
        assert web.get("/config").json() == "member"


@pytest.mark.parametrize("secure", [False, True])
def test_only_the_chat_alone_may_stand_in_frames_of_other_sites(tmp_path: Path, secure: bool) -> None:
    for web in client(tmp_path, secure=secure):
        for path in ("/a/default", "/embed", "/", "/login", "/act"):
            policy = web.get(path, headers=PAGE).headers["content-security-policy"]
            assert ("frame-ancestors *" in policy) == (path in ("/a/default", "/embed"))
            assert "default-src 'self'" in policy


def test_a_frame_without_guests_says_where_to_sign_in(tmp_path: Path) -> None:
    for web in client(tmp_path, guests=False):
        answer = web.get("/a/default", headers=PAGE)
        assert answer.status_code == 401 and "frame-ancestors *" in answer.headers["content-security-policy"]
        assert 'href="/login?next=%2Fa%2Fdefault" target="_blank"' in answer.text


def test_on_a_space_cookies_work_in_its_frame_only_over_https(tmp_path: Path) -> None:
    for web in client(tmp_path, secure=True):
        answer = web.get("/", headers=PAGE)
        assert "SameSite=None; Secure; Partitioned" in answer.headers["set-cookie"]
        assert "https://huggingface.co" in answer.headers["content-security-policy"]
