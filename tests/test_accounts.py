"""Accounts, passwords, the first admin, and the signed cookies by which callers are known."""

from pathlib import Path

import pytest

from assistant.database import Database
from assistant.errors import BadInput, Conflict, NotAllowed, NotFound
from ui.accounts import Accounts
from ui.sessions import GUEST_COOKIE, SESSION_COOKIE, UNKNOWN_GUEST, Sessions, cookie_header, load_secret
from ui.tables import AccountRole


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database)


@pytest.fixture
def sessions(accounts: Accounts) -> Sessions:
    return Sessions(accounts, secret=b"a test's secret", guests=True)


def test_the_first_start_makes_up_a_password_and_later_ones_do_not(accounts: Accounts) -> None:
    made = accounts.ensure_admin(None)
    assert made.generated and accounts.sign_in("admin", made.generated).role is AccountRole.admin
    assert accounts.ensure_admin(None).generated is None


def test_a_changed_variable_changes_the_password_and_says_so(accounts: Accounts) -> None:
    assert accounts.ensure_admin("first words").generated is None
    assert not accounts.ensure_admin("first words").changed
    assert accounts.ensure_admin("second words").changed
    with pytest.raises(NotAllowed):
        accounts.sign_in("admin", "first words")
    assert accounts.sign_in("admin", "second words").name == "admin"


def test_no_password_is_stored_as_it_is(accounts: Accounts, database: Database) -> None:
    accounts.add("ann", "tulips in march")
    with database.read() as session:
        rows = session.connection().exec_driver_sql("SELECT * FROM account").all()
    assert "tulips" not in str(rows) and "$argon2id$" in str(rows)


@pytest.mark.parametrize(("name", "password"), [("", "long enough"), ("a b", "long enough"), ("ann", "short")])
def test_bad_names_and_passwords_are_refused(accounts: Accounts, name: str, password: str) -> None:
    with pytest.raises(BadInput):
        accounts.add(name, password)


def test_names_are_taken_once_and_the_last_admin_stays(accounts: Accounts) -> None:
    accounts.ensure_admin("first words")
    accounts.add("ann", "tulips in march")
    with pytest.raises(Conflict):
        accounts.add("ann", "roses in may")
    with pytest.raises(Conflict, match="last admin"):
        accounts.remove("admin")
    accounts.add("eve", "lilies in june", role=AccountRole.admin)
    accounts.remove("admin")
    assert [account.name for account in accounts.all()] == ["ann", "eve"]
    with pytest.raises(NotFound):
        accounts.remove("admin")


def test_many_wrong_passwords_lock_a_name_for_a_while_and_no_other(accounts: Accounts) -> None:
    accounts.add("ann", "tulips in march")
    accounts.add("eve", "lilies in june")
    for _ in range(10):
        with pytest.raises(NotAllowed, match="wrong"):
            accounts.sign_in("ann", "guess")
    with pytest.raises(NotAllowed, match="too many"):
        accounts.sign_in("ann", "tulips in march")
    assert accounts.sign_in("eve", "lilies in june").name == "eve"


def test_a_session_ends_with_its_password_and_its_account(accounts: Accounts, sessions: Sessions) -> None:
    cookies = {SESSION_COOKIE: sessions.session_cookie(accounts.add("ann", "tulips in march"))}
    caller = sessions.caller_of(cookies)
    assert caller is not None and (caller.name, caller.role) == ("ann", "member")
    accounts.set_password("ann", "roses in may")
    assert sessions.identify(cookies, session_hash="x").role == "guest"
    cookies = {SESSION_COOKIE: sessions.session_cookie(accounts.sign_in("ann", "roses in may"))}
    accounts.remove("ann")
    assert sessions.identify(cookies, session_hash="x").role == "guest"


@pytest.mark.parametrize("forged", ["", "admin", "WyJhZG1pbiIsIngiXQ.aaaa.bbbb", "💥"])
def test_forged_cookies_name_nobody(sessions: Sessions, accounts: Accounts, forged: str) -> None:
    accounts.ensure_admin("first words")
    caller = sessions.caller_of({SESSION_COOKIE: forged, GUEST_COOKIE: forged})
    assert caller is not None and (caller.id, caller.role) == (UNKNOWN_GUEST, "guest")


def test_a_guests_cookie_is_no_session_and_another_key_signs_neither(sessions: Sessions, accounts: Accounts) -> None:
    guest = sessions.new_guest_cookie()
    assert sessions.identify({SESSION_COOKIE: guest}, session_hash="x").role == "guest"
    theirs = sessions.caller_of({GUEST_COOKIE: guest})
    assert theirs is not None and theirs.id.startswith("guest-")
    other = Sessions(accounts, secret=b"another secret", guests=True)
    assert other.caller_of({GUEST_COOKIE: guest}).id == UNKNOWN_GUEST  # type: ignore[union-attr]


def test_guests_without_cookies_are_told_apart_by_their_session(sessions: Sessions) -> None:
    ids = [sessions.identify({}, session_hash=each).id for each in ("one", "one", "two")]
    assert ids[0] == ids[1] != ids[2]
    assert "one" not in ids[0]


def test_without_guests_only_accounts_are_let_in(accounts: Accounts) -> None:
    closed = Sessions(accounts, secret=b"a test's secret", guests=False)
    assert closed.caller_of({GUEST_COOKIE: closed.new_guest_cookie()}) is None
    with pytest.raises(NotAllowed, match="Sign in"):
        closed.identify({}, session_hash="x")
    cookie = closed.session_cookie(accounts.add("ann", "tulips in march"))
    assert closed.identify({SESSION_COOKIE: cookie}, session_hash=None).name == "ann"


def test_only_an_admin_passes_for_one(sessions: Sessions) -> None:
    with pytest.raises(NotAllowed, match="Only an admin"):
        sessions.identify({}, session_hash="x").require_admin()


def test_the_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    key = load_secret(tmp_path / "secret.key")
    assert load_secret(tmp_path / "secret.key") == key and len(key) == 64
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


def test_cookies_are_out_of_reach_for_scripts_and_secure_over_https() -> None:
    assert cookie_header("a", "b", max_age_s=9, secure=False) == "a=b; Path=/; Max-Age=9; HttpOnly; SameSite=Lax"
    assert "Secure" in cookie_header("a", "b", max_age_s=9, secure=True)
