"""The named API over real HTTP, as gradio_client, curl and a hostile guest use it."""

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError, AuthenticationError
from sqlmodel import col, select

from assistant.engine import Piece, Sampling, Weights
from assistant.tables import Document, Message, Reply, ReplyState
from tests.serving import ADMIN_PASSWORD, AppServer, eventually, serve_app
from ui.api import ADDRESSES

REFUSED = "Only an admin may do this"
ARGUMENTS: dict[str, dict[str, Any]] = {
    "create_assistant": {"name": "X"},
    "update_assistant": {"assistant": "default", "settings": {}},
    "import_assistant": {"file": {}},
    "ingest": {"assistant": "default", "files": []},
    "delete_document": {"assistant": "default", "name": "x.md"},
    "run": {"run": "x"},
    "cancel": {"run": "x"},
    "promote": {"adapter": "x"},
    "reject": {"adapter": "x"},
    "leave_out": {"row": "rating:1", "reason": "x"},
    "use_again": {"row": "rating:1"},
    "reword": {"row": "correction:1", "text": "x"},
    "take_back_rewording": {"reply": "x"},
}
"""What a call needs beyond an assistant's name."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with serve_app(tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture
def guest(app: AppServer) -> Iterator[Client]:
    with app.guest() as client:
        yield client


@pytest.fixture
def admin(app: AppServer) -> Iterator[Client]:
    with app.admin() as client:
        yield client


def ask(client: Client, message: str = "Where are my documents?", **more: Any) -> dict[str, Any]:
    job = client.submit(message=message, **more, api_name="/chat")
    answer: dict[str, Any] = job.result()
    return answer


def test_a_guest_chats_and_the_answer_streams(app: AppServer, guest: Client) -> None:
    app.engine.enqueue("They are kept in one folder [2].")
    job = guest.submit(message="Where are my documents kept?", api_name="/chat")
    last = job.result()
    assert (last["text"], last["done"], last["adapter"]) == ("They are kept in one folder [2].", True, None)
    assert last["sources"][1]["cited"] and "folder" in last["sources"][1]["text"]
    assert len(job.outputs()) > 2 and not job.outputs()[0]["done"]
    place = guest.predict(last["reply"], 2, api_name="/source")
    assert place["text"] == last["sources"][1]["text"] and place["document"].endswith(".md")
    more = ask(guest, "And then?", conversation=last["conversation"])
    assert more["conversation"] == last["conversation"] and more["reply"] != last["reply"]


def test_a_guest_retries_rates_corrects_and_compares(guest: Client) -> None:
    first = ask(guest)
    second = guest.submit(first["reply"], api_name="/retry").result()
    assert second["conversation"] == first["conversation"] and second["reply"] != first["reply"]
    assert guest.predict(first["reply"], "down", ["wrong"], "no", api_name="/rate")["value"] == "down"
    assert guest.predict(first["reply"], "none", api_name="/rate") == {"reply": first["reply"], "value": "none"}
    corrected = guest.predict(first["reply"], "In the folder called data.", api_name="/correct")
    assert corrected == {"reply": first["reply"], "corrected": True}
    compared = guest.predict(second["reply"], first["reply"], api_name="/compare")
    assert compared == {"winner": second["reply"], "loser": first["reply"], "outcome": "better"}


def test_a_guest_takes_their_data_away_and_deletes_it(app: AppServer, guest: Client) -> None:
    answer = ask(guest, "Is this kept?")
    guest.predict(answer["reply"], "up", api_name="/rate")
    with app.guest() as other:
        theirs = ask(other, "Is theirs kept?")
        data = guest.predict(api_name="/my_data")
        assert [held["title"] for held in data["conversations"]] == ["Is this kept?"]
        assert [one["reply"] for one in data["ratings"]] == [answer["reply"]]
        with pytest.raises(AppError, match="must be one of everything, feedback"):
            guest.predict("all of it", api_name="/forget")
        assert guest.predict("feedback", api_name="/forget")["deleted"]["ratings"] == 1
        assert guest.predict("everything", api_name="/forget")["deleted"]["messages"] == 2
        assert guest.predict(api_name="/my_data")["conversations"] == []
        assert other.predict(theirs["reply"], "up", api_name="/rate")["value"] == "up"


def test_a_guest_cannot_touch_what_is_anothers(app: AppServer, guest: Client) -> None:
    with app.guest() as other:
        theirs = ask(other)
    for name, arguments in {
        "/rate": [theirs["reply"], "up"],
        "/correct": [theirs["reply"], "x"],
        "/retry": [theirs["reply"]],
        "/compare": [theirs["reply"], ask(guest)["reply"]],
        "/source": [theirs["reply"], 1],
    }.items():
        with pytest.raises(AppError, match="does not exist, or is not yours"):
            guest.predict(*arguments, api_name=name)
    with pytest.raises(AppError, match="does not exist, or is not yours"):
        ask(guest, conversation=theirs["conversation"])


def test_every_address_is_known_here_and_admins_ones_refuse_others(guest: Client) -> None:
    named = guest.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {f"/{address.name}" for address in ADDRESSES}
    guarded = [address.name for address in ADDRESSES if address.admin]
    assert {address.name for address in ADDRESSES} - set(guarded) == {
        "assistants",
        "chat",
        "retry",
        "rate",
        "correct",
        "compare",
        "source",
        "my_data",
        "forget",
    }
    for name in guarded:
        with pytest.raises(AppError, match=REFUSED):
            guest.predict(**ARGUMENTS.get(name, {"assistant": "default"}), api_name=f"/{name}")


def test_the_admin_feeds_lists_and_deletes_documents(admin: Client, tmp_path: Path) -> None:
    (tmp_path / "bees.md").write_text("# Bees\n\nA hive holds about fifty thousand bees in June.\n")
    (tmp_path / "broken.pdf").write_bytes(b"not a pdf")
    files = [handle_file(tmp_path / "bees.md"), handle_file(tmp_path / "broken.pdf")]
    answer = admin.predict("default", files, api_name="/ingest")
    states = {each["name"]: each for each in answer["files"]}
    assert states["bees.md"]["state"] == "added" and states["bees.md"]["chunks"] == 1
    assert states["broken.pdf"]["state"] == "failed" and "broken.pdf" in states["broken.pdf"]["error"]
    assert "bees" in ask(admin, "A hive holds about how many thousand bees in June?")["sources"][0]["text"]
    listed = admin.predict("default", api_name="/documents")
    assert "bees.md" in [each["name"] for each in listed["documents"]]
    assert admin.predict("default", "bees.md", api_name="/delete_document")["chunks"] == listed["chunks"] - 1
    with pytest.raises(AppError, match=r"bees\.md"):
        admin.predict("default", "bees.md", api_name="/delete_document")


def test_the_admin_makes_exports_imports_and_deletes_an_assistant(guest: Client, admin: Client, tmp_path: Path) -> None:
    made = admin.predict("Bee help", start="help-desk", api_name="/create_assistant")
    assert made["assistant"] == "bee-help" and made["settings"]["temperature"] == 0.2
    (tmp_path / "bees.md").write_text("# Bees\n\nA hive holds about fifty thousand bees in June.\n")
    admin.predict("bee-help", [handle_file(tmp_path / "bees.md")], api_name="/ingest")
    admin.predict("bee-help", {"access": "members", "greeting": "Buzz!"}, api_name="/update_assistant")
    assert [one["assistant"] for one in guest.predict(api_name="/assistants")["assistants"]] == ["default"]
    with pytest.raises(AppError, match="people who sign in"):
        ask(guest, assistant="bee-help")
    path = Path(admin.predict("bee-help", api_name="/export_assistant"))
    left = admin.predict("bee-help", api_name="/delete_assistant")
    assert [one["assistant"] for one in left["assistants"]] == ["default"]
    again = admin.predict(handle_file(path), api_name="/import_assistant")
    assert (again["settings"]["greeting"], again["documents"], again["notes"]) == ("Buzz!", 1, [])
    assert (
        "bees"
        in ask(admin, "A hive holds about how many thousand bees in June?", assistant="bee-help")["sources"][0]["text"]
    )
    admin.predict("bee-help", api_name="/delete_assistant")
    with pytest.raises(AppError, match="no file of an assistant"):
        admin.predict(handle_file(tmp_path / "bees.md"), api_name="/import_assistant")
    with pytest.raises(AppError, match="not an uploaded file"):
        admin.predict({"path": "/etc/passwd"}, api_name="/import_assistant")


def test_the_admin_sees_runs_adapters_and_the_schedule(admin: Client) -> None:
    told = admin.predict("default", api_name="/status")
    assert told["assistant"] == "default" and told["adapter"] is None and told["run"] is None
    assert admin.predict("default", api_name="/runs") == {"assistant": "default", "runs": []}
    assert admin.predict("default", api_name="/adapters")["adapters"] == []
    kept = admin.predict("default", "0 4 * * *", 30, api_name="/set_schedule")
    assert kept["min_new_pairs"] == 30 and kept == admin.predict("default", api_name="/schedule")


def test_the_admin_sends_examples_to_teach(admin: Client, tmp_path: Path) -> None:
    (tmp_path / "few.jsonl").write_text('{"question": "Who?", "answer": "Me.", "sources": []}\n')
    with pytest.raises(AppError, match="1 of 8 examples"):
        admin.predict("default", handle_file(tmp_path / "few.jsonl"), api_name="/teach")
    with pytest.raises(AppError, match="not an uploaded file"):
        admin.predict("default", {"path": "/etc/passwd"}, api_name="/teach")
    with pytest.raises(AppError, match="corrections and approved answers"):
        admin.predict("default", api_name="/teach")


@pytest.mark.parametrize(
    ("name", "argument", "sentence"),
    [
        ("/retrain", "default", "too little feedback"),
        ("/run", "0" * 32, "does not exist"),
        ("/cancel", "0" * 32, "does not exist"),
        ("/promote", "default-v9", "There is no adapter"),
        ("/reject", "default-v9", "There is no adapter"),
        ("/rollback", "default", "nothing to roll back to"),
        ("/status", "nobody", "There is no assistant"),
        ("/documents", None, "must be text"),
    ],
)
def test_what_an_admin_cannot_do_is_a_sentence(admin: Client, name: str, argument: Any, sentence: str) -> None:
    with pytest.raises(AppError, match=sentence):
        admin.submit(argument, api_name=name).result()


def test_the_admin_takes_the_feedback_away_as_a_file(guest: Client, admin: Client) -> None:
    answer = ask(guest, "Which tulips flower first?")
    guest.predict(answer["reply"], "up", api_name="/rate")
    path = Path(admin.predict("default", "ratings", api_name="/export"))
    assert path.suffix == ".jsonl"
    assert any("Which tulips flower first?" in line for line in path.read_text().splitlines())
    with pytest.raises(AppError, match="must be one of preference, unpaired, ratings"):
        admin.predict("default", "pickle", api_name="/export")


@pytest.mark.parametrize("message", [None, 7, True, ["x"], {"text": "x"}, "", "  ", "x" * 8001])
def test_a_message_that_is_no_message_gets_a_sentence(guest: Client, message: Any) -> None:
    with pytest.raises(AppError) as refused:
        ask(guest, message)
    assert str(refused.value).startswith("The message ") and "Traceback" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("/chat", ["hello", "nobody"]),
        ("/chat", ["hello", None]),
        ("/chat", ["hello", "default", {"a": 1}]),
        ("/retry", ["x" * 10_000]),
        ("/rate", ["x", "sideways"]),
        ("/rate", [3, "up"]),
        ("/rate", ["x", "up", {"a": 1}]),
        ("/rate", ["x", "up", [], "c" * 100_000]),
        ("/compare", ["x", "y", "both"]),
        ("/correct", ["x", None]),
    ],
)
def test_what_json_clients_may_send_gets_a_sentence(guest: Client, name: str, arguments: list[Any]) -> None:
    with pytest.raises(AppError) as refused:
        guest.submit(*arguments, api_name=name).result()
    assert str(refused.value).endswith(".") and "Something went wrong" not in str(refused.value)


def test_an_unforeseen_error_is_a_number_and_no_traceback(
    app: AppServer, guest: Client, caplog: pytest.LogCaptureFixture
) -> None:
    app.engine.enqueue(RuntimeError("tulips"))
    with pytest.raises(AppError, match="Something went wrong here") as failed:
        ask(guest)
    number = str(failed.value).split("error ")[1].split()[0]
    assert "tulips" not in str(failed.value) and number in caplog.text


def test_files_of_the_server_are_out_of_reach(app: AppServer, tmp_path: Path) -> None:
    other = tmp_path / "secret.md"
    other.write_text("# Secret\n\nThe tulips are under the stairs.\n")
    with httpx.Client(base_url=app.url) as web:
        web.post("/login", data={"username": "admin", "password": ADMIN_PASSWORD})
        for path in (str(other), str(app.services.settings.secret_key), "", "https://elsewhere.example/x.md"):
            for file in ({"path": path, "meta": {"_type": "gradio.FileData"}}, {"path": path}, path, None):
                event = web.post("/gradio_api/call/ingest", json={"data": ["default", [file]]}).json()["event_id"]
                answer = web.get(f"/gradio_api/call/ingest/{event}").text
                assert answer.startswith("event: error"), answer
            assert web.get(f"/gradio_api/file={path}").status_code == 403
    with app.services.database.read() as session:
        assert not session.exec(select(Document).where(Document.name == "secret.md")).all()


def test_the_page_names_no_other_host(app: AppServer) -> None:
    page = httpx.get(app.url, headers={"accept": "text/html"}).text
    page = page.replace(app.url, "")
    assert "<gradio-app" in page
    assert "http://" not in page and "https://" not in page, page[page.index("http") - 100 :][:300]
    style = httpx.get(f"{app.url}/theme.css").text.replace("http://www.w3.org/2000/svg", "")
    assert "--body-background-fill" in style and "http" not in style


def test_curl_signs_in_and_calls(app: AppServer) -> None:
    with httpx.Client(base_url=app.url) as web:
        assert web.post("/login", data={"username": "admin", "password": ADMIN_PASSWORD}).json() == {"success": True}
        event = web.post("/gradio_api/call/documents", json={"data": ["default"]}).json()["event_id"]
        answer = web.get(f"/gradio_api/call/documents/{event}").text
    assert json.loads(answer.split("data: ")[-1])[0]["assistant"] == "default"


def test_half_a_surrogate_pair_which_json_allows_harms_nothing(app: AppServer) -> None:
    with httpx.Client(base_url=app.url) as web:
        body = b'{"data": ["tulips \\ud800", "default", null]}'
        event = web.post("/gradio_api/call/chat", content=body, headers={"content-type": "application/json"}).json()
        answer = web.get(f"/gradio_api/call/chat/{event['event_id']}").text
    assert "event: complete" in answer and "tulips ?" in answer


def test_a_wrong_password_is_told_to_the_client(app: AppServer) -> None:
    with pytest.raises(AuthenticationError):
        Client(app.url, auth=("admin", "wrong"), verbose=False, analytics_enabled=False)


def test_without_guests_a_client_must_sign_in(tmp_path: Path) -> None:
    with serve_app(tmp_path, guests=False) as closed:
        with pytest.raises(AuthenticationError):
            Client(closed.url, verbose=False, analytics_enabled=False)
        assert httpx.post(f"{closed.url}/gradio_api/call/chat", json={"data": ["hello"]}).status_code == 401
        with closed.admin() as client:
            assert ask(client)["done"]


@pytest.mark.parametrize("way", ["call", "queue"])
def test_a_reader_who_leaves_stops_the_reply(app: AppServer, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    stopped = threading.Event()

    def endless(_prompt: Sequence[int], *, weights: Weights, sampling: Sampling) -> Iterator[Piece]:
        del weights, sampling
        try:
            for tokens in range(1, 100_000):
                yield Piece("word ", tokens)
                stopped.wait(0.05)
        finally:
            stopped.set()

    monkeypatch.setattr(app.engine, "stream", endless)
    with httpx.Client(base_url=app.url, timeout=20) as web:
        dependencies = web.get("/config").json()["dependencies"]
        body: dict[str, Any] = {"data": ["hello", "default", None]}
        if way == "call":  # as curl does
            event = web.post("/gradio_api/call/chat", json=body).json()["event_id"]
            address = f"/gradio_api/call/chat/{event}"
        else:  # as the page and gradio_client do
            body |= {"session_hash": "s1", "fn_index": next(d["id"] for d in dependencies if d["api_name"] == "chat")}
            web.post("/gradio_api/queue/join", json=body)
            address = "/gradio_api/queue/data?session_hash=s1"
        with web.stream("GET", address) as reading:
            next(line for line in reading.iter_lines() if "word" in line)
    assert stopped.wait(10), "the generation went on without its reader"

    def is_stored() -> bool:
        latest = select(Message, Reply).join(Reply).order_by(col(Message.created_at).desc())
        with app.services.database.read() as session:
            message, made = session.exec(latest).first() or (None, None)
        return bool(message and made and made.state is ReplyState.stopped and message.text.startswith("word"))

    eventually(is_stored)
