"""The one table of `ui`: who may sign in. A guest needs no row; elsewhere a person is only an opaque id."""

from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, SQLModel

from assistant.database import new_id, state_type, utc_now


class AccountRole(StrEnum):
    admin = "admin"
    member = "member"


class Account(SQLModel, table=True):
    """Somebody who signs in by name and password."""

    id: str = Field(default_factory=new_id, primary_key=True)
    name: str = Field(unique=True, index=True)
    role: AccountRole = Field(default=AccountRole.member, sa_type=state_type(AccountRole))
    password_hash: str
    created_at: datetime = Field(default_factory=utc_now)
