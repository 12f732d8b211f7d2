"""The addresses for pages of other sites, over ASGI without Gradio."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from assistant.database import Database
from tests.builders import add_assistant
from ui.embedding import embedding_router


@pytest.fixture
def web(database: Database) -> Iterator[TestClient]:
    with database.write() as session:
        add_assistant(session, slug="guide")
    app = FastAPI()
    app.include_router(embedding_router(database))
    with TestClient(app, follow_redirects=False) as opened:
        yield opened


def test_an_assistants_address_leads_to_the_chat_alone_about_it(web: TestClient) -> None:
    answer = web.get("/a/guide?__theme=dark&a=another")
    leads = urlsplit(answer.headers["location"])
    assert (answer.status_code, leads.scheme, leads.netloc, leads.path) == (307, "", "", "../embed")
    assert parse_qs(leads.query) == {"a": ["guide"], "__theme": ["dark"]}


@pytest.mark.parametrize("slug", ["nobody", "%3Cscript%3E", "..%2Fembed"])
def test_an_address_of_nobody_says_so_in_a_sentence(web: TestClient, slug: str) -> None:
    answer = web.get(f"/a/{slug}")
    assert answer.status_code == 404 and "<script" not in answer.text


def test_the_tags_script_is_small_and_names_no_host(web: TestClient) -> None:
    answer = web.get("/gradio-app.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "gradio-app" in answer.text and "//cdn" not in answer.text and len(answer.text) < 2_000
