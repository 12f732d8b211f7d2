"""Who is calling: signed cookies for accounts and guests, and the `Caller` that every endpoint checks.

A guest is known by a signed cookie that the first page (or a client's first look at `/config`) sets. Where cookies are
blocked, Gradio's session hash, which only that page knows, stands in. Passwords are `ui.accounts`' business.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from assistant.errors import NotAllowed
from ui.accounts import Accounts, password_stamp
from ui.tables import Account

SESSION_COOKIE = "thumbloop_session"
GUEST_COOKIE = "thumbloop_guest"
SESSION_S = 30 * 86_400
GUEST_S = 365 * 86_400
UNKNOWN_GUEST = "guest"
"""Id of a guest of whom no cookie came along."""


@dataclass(frozen=True)
class Caller:
    """Somebody who asks for something. `id` is what other packages know of a person."""

    id: str
    name: str
    role: Literal["admin", "member", "guest"]

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    def require_admin(self) -> None:
        """Raises `NotAllowed` for anybody else."""
        if not self.is_admin:
            raise NotAllowed("Only an admin may do this. Sign in as an admin and try again.")


class Sessions:
    """Turns cookies into callers and back. Thread-safe."""

    def __init__(self, accounts: Accounts, *, secret: bytes, guests: bool) -> None:
        self.guests = guests
        self._accounts = accounts
        self._secret = secret
        self._session = URLSafeTimedSerializer(secret, salt="session")
        self._guest = URLSafeSerializer(secret, salt="guest")

    def session_cookie(self, account: Account) -> str:
        """The value of the cookie of somebody who signed in."""
        return str(self._session.dumps([account.id, password_stamp(account)]))

    def new_guest_cookie(self) -> str:
        """The value of the cookie of a new guest."""
        return str(self._guest.dumps("guest-" + secrets.token_hex(16)))

    def caller_of(self, cookies: Mapping[str, str]) -> Caller | None:
        """The caller whom a request's cookies name; none if they must sign in first."""
        account = self._account_of(cookies.get(SESSION_COOKIE, ""))
        if account is not None:
            return Caller(account.id, account.name, account.role.value)
        if not self.guests:
            return None
        return Caller(self._guest_of(cookies.get(GUEST_COOKIE, "")) or UNKNOWN_GUEST, "guest", "guest")

    def identify(self, cookies: Mapping[str, str], *, session_hash: str | None) -> Caller:
        """The caller of a handler, told apart by the session hash where cookies are blocked. Raises `NotAllowed`."""
        caller = self.caller_of(cookies)
        if caller is None:
            raise NotAllowed("Guests are not let in here. Sign in and try again.")
        if caller.id != UNKNOWN_GUEST:
            return caller
        told = session_hash or secrets.token_hex(16)
        return Caller(
            "guest-" + hmac.new(self._secret, told.encode(), hashlib.sha256).hexdigest()[:32], "guest", "guest"
        )

    def _account_of(self, cookie: str) -> Account | None:
        try:
            account_id, stamp = self._session.loads(cookie, max_age=SESSION_S)
        except (BadData, ValueError):
            return None
        account = self._accounts.by_id(account_id)
        return account if account is not None and hmac.compare_digest(stamp, password_stamp(account)) else None

    def _guest_of(self, cookie: str) -> str | None:
        try:
            return str(self._guest.loads(cookie))
        except BadData:
            return None


def cookie_header(name: str, value: str, *, max_age_s: int, secure: bool) -> str:
    """A `Set-Cookie` header that scripts cannot read.

    Over https it is partitioned and also sent from inside a frame, since a Space shows its app in one; requests of
    other origins are refused by `ui.guard`. Over plain http it stays with this site.
    """
    where = "SameSite=None; Secure; Partitioned" if secure else "SameSite=Lax"
    return f"{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; {where}"


def load_secret(path: Path) -> bytes:
    """The key that signs cookies, made at the first call and readable by its owner only."""
    try:
        with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        pass
    return path.read_text().strip().encode()
