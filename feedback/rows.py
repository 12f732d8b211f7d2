"""The rows of what people said, by the names that they have elsewhere: in pairs, in the files of runs, in a browser.

A name is the table and the number, such as `rating:12`.
"""

import re
from typing import Any, cast

from sqlmodel import Session, col

from feedback.tables import Comparison, Correction, Rating

Row = Rating | Correction | Comparison
TABLES: dict[str, Any] = {"rating": Rating, "correction": Correction, "comparison": Comparison}
ABOUT: tuple[tuple[Any, Any], ...] = (
    (Rating, col(Rating.reply_id)),
    (Correction, col(Correction.reply_id)),
    (Comparison, col(Comparison.winner_id)),
)
"""The tables, each with the reply that its rows are about; of a comparison, the winner."""
_NAME = re.compile(r"(\w+):([0-9]{1,17})")


def name_of(row: Row) -> str:
    """The name of a row."""
    return row_name(str(row.__tablename__), cast(int, row.id))


def row_name(table: str, number: int) -> str:
    """The name of the row of this table with this number."""
    return f"{table}:{number}"


def table_and_number(name: str) -> tuple[str, int]:
    """What `row_name` made the name of."""
    table, _, number = name.partition(":")
    return table, int(number)


def is_name(name: str) -> bool:
    """Whether a text can be the name of a row."""
    found = _NAME.fullmatch(name)
    return found is not None and found[1] in TABLES


def find(session: Session, name: str) -> Row | None:
    """The row of a name, if there is one."""
    if not is_name(name):
        return None
    table, number = table_and_number(name)
    row: Row | None = session.get(TABLES[table], number)
    return row
