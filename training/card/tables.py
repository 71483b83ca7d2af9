"""The columns of a model of tables, and what its answers hang on, for its card."""

from collections.abc import Sequence

import numpy as np
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from app.tasks.tables.columns import Column
from training.card.markdown import table as markdown_table
from training.data.table import SplitTable
from training.measures.tables import losses

REPEATS = 5
MOST_ROWS = 1_000  # of the test, that are shuffled
MOST_SHOWN = 30  # columns
MOST_NAMED = 8  # categories of one column

IMPORTANCE = (
    "How much larger the {loss} of the test rows is where the values of one column are shuffled among them (Breiman "
    "2001, permutation importance; the mean of {repeats} times, and their standard deviation). Columns that say the "
    "same stand in for one another, so that each looks less important than both are. It says what the model uses, "
    "and not what causes what."
)


def importance(model: Pipeline, table: SplitTable, seed: int) -> str:
    """Markdown: the columns by how much the answers hang on them."""
    fields, truth = table.part("test")

    def worth(fitted: Pipeline, rows: object, of_rows: object) -> float:
        found = fitted.predict_proba(rows) if table.labels else fitted.predict(rows)
        return -float(losses(np.asarray(found, np.float64), np.asarray(of_rows)).mean())

    found = permutation_importance(
        model, fields[:MOST_ROWS], truth[:MOST_ROWS], scoring=worth, n_repeats=REPEATS, random_state=seed
    )
    order = np.argsort(-found.importances_mean, kind="stable")[:MOST_SHOWN]
    rows = [
        (str(fields.columns[i]), f"{found.importances_mean[i]:.4g}", f"{found.importances_std[i]:.2g}") for i in order
    ]
    loss = "log loss" if table.labels else "squared error"
    about = IMPORTANCE.format(loss=loss, repeats=REPEATS)
    more = len(fields.columns) - len(rows)
    left = f"\n\n{more} more columns matter less." if more else ""
    return f"{markdown_table(('column', 'loss without it', 'deviation'), rows)}{left}\n\n{about}"


def columns_table(columns: Sequence[Column]) -> str:
    """Markdown: what the model reads."""
    return markdown_table(("column", "kind", "may be missing", "seen in training"), map(_row, columns))


def _row(column: Column) -> tuple[str, str, str, str]:
    if column.seen is not None:
        seen = f"98 of 100 from {column.seen[0]:g} to {column.seen[1]:g}"
    else:
        more = len(column.categories) - MOST_NAMED
        seen = ", ".join(column.categories[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return column.name, column.kind, "yes" if column.may_be_missing else "no", seen
