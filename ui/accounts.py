"""Who may sign in: accounts with their passwords, and the first admin. Cookies are `ui.sessions`' business."""

import hashlib
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from pwdlib import PasswordHash
from sqlmodel import Session, col, select

from assistant.database import Database
from assistant.errors import BadInput, Conflict, NotAllowed, NotFound
from feedback import people
from ui.tables import Account, AccountRole

logger = logging.getLogger(__name__)

ADMIN = "admin"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
MIN_PASSWORD_CHARS = 8
MAX_PASSWORD_CHARS = 1024
FAILURES_PER_NAME = RateLimitItemPerMinute(10)
ATTEMPTS_OVERALL = RateLimitItemPerMinute(60)


@dataclass(frozen=True)
class AdminNotice:
    """What a start did to the account `admin`: a password it made up (shown once, never logged), or changed."""

    generated: str | None = None
    changed: bool = False


class Accounts:
    """The accounts of one database. Thread-safe; failed sign-ins are counted in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hasher = PasswordHash.recommended()
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._nobody = self._hasher.hash(secrets.token_urlsafe())  # so that unknown names take as long as known ones

    def ensure_admin(self, password: str | None) -> AdminNotice:
        """Make the account `admin` if there is none; give it `password` if one is set and it has another."""
        with self._database.write() as session:
            account = _by_name(session, ADMIN)
            if account is not None:
                if password is None or self._hasher.verify(password, account.password_hash):
                    return AdminNotice()
                account.password_hash = self._hasher.hash(password)
                return AdminNotice(changed=True)
            chosen = password or secrets.token_urlsafe(12)
            session.add(Account(name=ADMIN, role=AccountRole.admin, password_hash=self._hasher.hash(chosen)))
        return AdminNotice(generated=None if password else chosen)

    def add(self, name: str, password: str, *, role: AccountRole = AccountRole.member) -> Account:
        """Add an account. Raises `BadInput`, and `Conflict` for a name that is taken."""
        if not NAME.fullmatch(name):
            raise BadInput(f"{name!r} cannot be a name. Use 1 to 64 letters, digits, dots, hyphens, underscores or @.")
        hashed = self._hashed(password)
        with self._database.write() as session:
            if _by_name(session, name) is not None:
                raise Conflict(f"There is already an account {name!r}. Choose another name.")
            account = Account(name=name, role=role, password_hash=hashed)
            session.add(account)
        return account

    def set_password(self, name: str, password: str) -> None:
        """Change a password; sessions signed in with the old one end. Raises `BadInput`, `NotFound`."""
        hashed = self._hashed(password)
        with self._database.write() as session:
            _known(session, name).password_hash = hashed

    def remove(self, name: str) -> Account:
        """Remove an account with all that the person asked and rated.

        Raises `NotFound`, and `Conflict` for the last admin.
        """
        with self._database.write() as session:
            account = _known(session, name)
            admins = session.exec(select(Account).where(Account.role == AccountRole.admin)).all()
            if account.role is AccountRole.admin and len(admins) == 1:
                raise Conflict(f"{name!r} is the last admin and cannot be removed. Add another admin first.")
            people.forget_everything(session, account.id)
            session.delete(account)
        return account

    def all(self) -> Sequence[Account]:
        """All accounts by name."""
        with self._database.read() as session:
            return session.exec(select(Account).order_by(col(Account.name))).all()

    def by_name(self, name: str) -> Account:
        """The account of that name. Raises `NotFound`."""
        with self._database.read() as session:
            return _known(session, name)

    def by_id(self, account_id: str) -> Account | None:
        """The account of an id, if it still exists."""
        with self._database.read() as session:
            return session.get(Account, account_id)

    def sign_in(self, name: str, password: str) -> Account:
        """The account of a name and its password. Raises `NotAllowed` for a wrong one, and for too many of them."""
        failures = ("name", name.lower()[:64])
        if not self._limiter.hit(ATTEMPTS_OVERALL, "all") or not self._limiter.test(FAILURES_PER_NAME, *failures):
            raise NotAllowed("There were too many attempts to sign in. Wait a minute and try again.")
        with self._database.read() as session:
            account = _by_name(session, name)
        known = account.password_hash if account is not None else self._nobody
        right = self._hasher.verify(password[:MAX_PASSWORD_CHARS], known)
        if account is None or not right:
            self._limiter.hit(FAILURES_PER_NAME, *failures)
            logger.info("a sign-in failed")
            raise NotAllowed("Name or password is wrong. Check both and try again.")
        return account

    def _hashed(self, password: str) -> str:
        if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
            raise BadInput(
                f"A password needs {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters. Choose another one."
            )
        return self._hasher.hash(password)


def password_stamp(account: Account) -> str:
    """A short mark of an account's present password; a session carries it, and ends when it changes."""
    return hashlib.sha256(account.password_hash.encode()).hexdigest()[:16]


def _by_name(session: Session, name: str) -> Account | None:
    return session.exec(select(Account).where(Account.name == name)).first()


def _known(session: Session, name: str) -> Account:
    account = _by_name(session, name)
    if account is None:
        raise NotFound(f"There is no account {name!r}. `thumbloop users list` shows the names.")
    return account
