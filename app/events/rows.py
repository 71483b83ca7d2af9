"""The rows that are kept, and the tables that they are kept in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class StoredEvent(NamedTuple):
    """Something that a person did. Times are microseconds since 1970 in UTC; a text that is not known is empty.

    `sender` is the key by which it came: ids of two senders never meet. `item` is JSON, so that the id 50 and the title
    "50" differ. `details` are other fields of the event, as JSON.
    """

    sender: str
    id: str
    kind: str
    at: int
    received: int
    person: str
    model: str
    item: str
    request: str
    value: float | None
    details: str


class StoredAnswer(NamedTuple):
    """An answer of a model, by the id of its request. `input` and `output` are JSON, empty where they are not kept."""

    request: str
    at: int
    person: str
    model: str
    version: int
    view: str
    input: str
    output: str


Row = StoredEvent | StoredAnswer


@dataclass(frozen=True, slots=True)
class StoredTable:
    """`types` are those of the columns of a row, in both databases; of rows that are `unique` alike the first stays."""

    name: str
    row: type[Row]
    types: Sequence[str]
    unique: Sequence[str] = ()

    @property
    def columns(self) -> Sequence[str]:
        return self.row._fields

    def inserting(self, values: str) -> str:
        """Return the statement that inserts `values`."""
        names = ", ".join(self.columns)
        conflict = f" ON CONFLICT ({', '.join(self.unique)}) DO NOTHING" if self.unique else ""
        return f"INSERT INTO {self.name} ({names}) {values}{conflict}"


TEXT, WHOLE, REAL = "TEXT", "BIGINT", "DOUBLE PRECISION"
EVENTS = StoredTable(
    "tessera_events",
    StoredEvent,
    (TEXT, TEXT, TEXT, WHOLE, WHOLE, TEXT, TEXT, TEXT, TEXT, REAL, TEXT),
    unique=("sender", "id"),
)
ANSWERS = StoredTable(
    "tessera_answers", StoredAnswer, (TEXT, WHOLE, TEXT, TEXT, WHOLE, TEXT, TEXT, TEXT), unique=("request",)
)
TABLES = (EVENTS, ANSWERS)


def table_of(rows: Sequence[Row]) -> StoredTable:
    return EVENTS if isinstance(rows[0], StoredEvent) else ANSWERS


def columns_of_rows(table: StoredTable, rows: Sequence[Row]) -> list[list[Any]]:
    """Return the values of each column, in the order of the rows."""
    return [[row[i] for row in rows] for i in range(len(table.columns))]
