"""Tables as the client sends them: column by column, with as many values each."""

from typing import Annotated, Any

from pydantic import Field

from app.api.hf.known import KnownOnly
from app.errors import InvalidInput, PayloadTooLarge
from app.tasks.labels import Label
from app.tasks.tables.kernel import RowParameters, TextRow, Value
from app.tasks.tabular_classification import TabularClassificationParameters
from app.tasks.tabular_regression import ToldNumber

TABLE = "table"
Columns = Annotated[
    dict[str, list[Value]],
    Field(
        description="the values of each column, one for each row; numbers may be texts, and an empty text is missing",
        examples=[{"months": [7, "12"], "contract": ["monthly", "yearly"]}],
    ),
]


class HfRowParameters(KnownOnly, RowParameters):
    """Those of the native dialect, but for how many labels: the client takes one."""

    def of_classes(self) -> TabularClassificationParameters:
        return TabularClassificationParameters(unknown=self.unknown, top_k=1)


def best_label(labels: list[Label], sent: HfRowParameters) -> str:
    return labels[0].label


def number_alone(told: ToldNumber, sent: HfRowParameters) -> float:
    return told.value


def rows_of(table: Any, max_items: int) -> list[TextRow]:
    """The rows of a table, in order. Raises InvalidInput and PayloadTooLarge."""
    if not isinstance(table, dict) or not table:
        raise InvalidInput('must be an object with a list of values for each column: {"months": [7, 12]}').under(TABLE)
    wrong = next((name for name, values in table.items() if not isinstance(values, list)), None)
    if wrong is not None:
        raise InvalidInput("must be a list, with a value for each row").under(TABLE, wrong[:80])
    first, *others = table
    counts = {name: len(values) for name, values in table.items()}
    unlike = next((name for name in others if counts[name] != counts[first]), None)
    if unlike is not None:
        raise InvalidInput(f"has {counts[unlike]} values, and {first:.80} has {counts[first]}").under(
            TABLE, unlike[:80]
        )
    if not counts[first]:
        raise InvalidInput("has no rows").under(TABLE)
    if counts[first] > max_items:
        raise PayloadTooLarge(f"{counts[first]} rows; a request may have {max_items}")
    return [TextRow(dict(zip(table, values, strict=True))) for values in zip(*table.values(), strict=True)]
