"""What was decided on versions, and that people like one less, wherever an admin looks: pages, /status, and the log."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from assistant import records
from feedback.tables import Rating, Value
from retrain.tables import Adapter, Promotion
from retrain.watch import AUTOMATIC
from tests.builders import add_turn
from tests.pages import a_family
from tests.serving import eventually, open_services
from ui import endpoints
from ui.endpoints import versions
from ui.pages import decisions_html, feedback_handlers, retrain_handlers, versions_handlers
from ui.services import Services
from ui.sessions import Caller

ADMIN = Caller("admin-1", "admin", "admin")


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with open_services(tmp_path / "served") as opened:
        yield opened


def vote(services: Services, adapter: str, value: str, *, people: int) -> str:
    """Answers of a version, each rated by somebody else; the last one's id."""
    with services.database.write() as session:
        asked = records.assistant_by_slug(session, "default")
        for number in range(people):
            reply = add_turn(session, asked, "How?", "So.", owner=f"p{number}", adapter=adapter)
            session.add(Rating(reply_id=reply.id, rater=f"p{number}", value=Value(value)))
    return reply.id


def serves(services: Services) -> tuple[str | None, str | None]:
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, "default")
        return asked.adapter, asked.trial_adapter


def test_the_thumb_that_proves_a_fall_ends_the_trial_and_it_is_told_everywhere(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    _, _, third, _, fifth = a_family(services)
    vote(services, third, "up", people=24)
    reply = vote(services, fifth, "down", people=30)
    before = endpoints.status(services, ADMIN, "default")["fares"]
    assert before["on_trial"] and before["fell"] and before["rolls_back"] and before["tried"]["adapter"] == fifth
    assert before["tried"]["votes"] == {"up": 4, "down": 30} and before["gain"][1] <= 0
    with caplog.at_level(logging.INFO, logger="retrain"):
        endpoints.rate(services, Caller("p29", "", "guest"), reply, "none")
        endpoints.rate(services, Caller("p29", "", "guest"), reply, "down")

        def ended() -> bool:
            return serves(services) == (third, None)

        eventually(ended)
    told = endpoints.status(services, ADMIN, "default")
    assert told["decisions"][0]["kind"] == "end_trial" and told["decisions"][0]["by"] == AUTOMATIC
    assert told["decisions"][0]["why"].startswith("People like v5 less than v3")
    seen = retrain_handlers.look(services, ADMIN)
    assert "taken back by itself" in (seen.versions or "") and "People like v5 less than v3" in (seen.versions or "")
    assert "Trial of v5 ended: v3 answers everything." in (seen.decisions or "") and "by itself" in (
        seen.decisions or ""
    )
    assert "taken back by itself" in feedback_handlers.glance(services, ADMIN).breakdown
    said = " ".join(record.getMessage() for record in caplog.records)
    assert f"was ended, by {AUTOMATIC}" in said and "People" not in said


def test_what_an_admin_decides_is_told_with_the_name_and_replaces_the_note(services: Services) -> None:
    *_, fourth, fifth = a_family(services)
    boss = Caller(services.accounts.by_name("admin").id, "admin", "admin")
    services.registry.end_trial(_asked(services), by=AUTOMATIC, of=fifth, why="People like v5 less.")
    assert "taken back by itself" in (retrain_handlers.look(services, ADMIN).versions or "")
    versions_handlers.decide(services, boss, action="reject", adapter=fifth)
    seen = retrain_handlers.look(services, ADMIN)
    assert "taken back by itself" not in (seen.versions or "")
    assert "v5 rejected." in (seen.decisions or "") and "by admin" in (seen.decisions or "")
    versions_handlers.decide(services, Caller("gone", "x", "admin"), action="reject", adapter=fourth)
    with services.database.read() as session:
        asked = records.assistant_by_slug(session, "default")
    decided = versions.decisions(services, asked)
    assert [each["by"] for each in decided[:2]] == ["somebody who is gone", "admin"] and len(decided) == 6


def test_each_kind_of_decision_is_told_in_words_and_text_can_only_show(services: Services) -> None:
    a_family(services)
    seen = retrain_handlers.look(services, ADMIN).decisions or ""
    assert "v1 promoted, in the place of original model." in seen and "v5 on trial beside v3." in seen
    rolled = {"at": "2026-03-01T12:00:00+00:00", "kind": "rollback", "before": "a-v2", "after": None, "by": "<b>"}
    html = decisions_html.log([{**rolled, "why": "<script>"}])
    assert "v2 rolled back: original model answers again." in html
    assert "<script" not in html and "&lt;script&gt;" in html and "&lt;b&gt;" in html
    assert decisions_html.log([]) == ""


def test_a_rejected_version_is_noted_once(services: Services) -> None:
    *_, fourth, _ = a_family(services)
    for _ in range(2):
        services.registry.reject(fourth, by="ann")
    with services.database.read() as session:
        kinds = session.exec(select(Promotion.kind).where(Promotion.before == fourth)).all()
        assert kinds == ["reject"] and session.get_one(Adapter, fourth).state == "rejected"


def _asked(services: Services) -> str:
    with services.database.read() as session:
        return records.assistant_by_slug(session, "default").id
