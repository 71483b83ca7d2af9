"""Table: rows of a CSV file to a class or a number; gradient boosting beside a linear model, seconds.

`--source` of a CSV or Parquet file and `--target`, a column of it, make it of one's own table.
"""

from collections.abc import Sequence

import numpy as np

from app.repository.manifest import Batching, Metric
from app.tasks.tables.columns import Column
from training.card.intervals import HEADING, intervals_table
from training.card.prose import Prose
from training.card.tables import columns_table, importance
from training.data.table import SplitTable, load_table
from training.errors import progress, say
from training.graphs.tables import exported_table
from training.loop.tables import (
    BOOSTING,
    LINEAR,
    SETTINGS,
    best,
    learn,
    told,
    validation_loss,
    without_columns,
)
from training.measures.tables import COVERED, figures, quality, reach_of
from training.measures.verdict import NO_COLUMN
from training.recipe import Draft, Example, HeldOut, Recipe, Run, SettingsSearch, sampled

NAME = "tabular-model"
CLASSIFICATION, REGRESSION = "tabular-classification", "tabular-regression"
PROSE = Prose(__name__)
Row = dict[str, float | str | None]


def make(table: SplitTable, run: Run) -> Draft:
    """Fit on the training split, choose on the validation split, measure on the test split."""
    notes = say(table.remarks)
    models = learn(table, run)
    chosen, on_validation = best(models, table)
    progress(f"loss on the validation split: {_losses(on_validation)}")
    model, (fields, truth) = models[chosen], table.part("test")
    graph = exported_table(model, fields, run.workdir / "model.onnx")
    answers = told(model, table, "test")
    others = {name: told(other, table, "test") for name, other in models.items() if name != chosen}
    others[NO_COLUMN] = without_columns(table, "test")
    split = f"test, {len(truth):,} rows"
    reach = None if table.labels else reach_of(told(model, table, "validation"), table.part("validation")[1])
    metrics = quality(answers, others, truth, table.source.name, split)
    if reach is not None:
        covered = float((np.abs(answers - truth) <= reach).mean())
        metrics.append(Metric(name="interval_coverage", value=covered, dataset=table.source.name, split=split))
    return Draft(
        description=f"Tells {table.target} by {len(table.columns)} columns of a row: {chosen} on {table.source.name}.",
        licence=table.source.licence,
        files={"model.onnx": graph.path},
        graphs={"model": "model.onnx"},
        config=config(table, reach),
        exported=graph,
        batching=Batching(max_batch_size=256),
        metrics=metrics,
        sources=[table.source],
        examples=[Example(row, tolerance=1e-4 if reach is None else max(1e-4, 1e-3 * reach)) for row in rows_of(table)],
        sections={
            HEADING: intervals_table(figures(answers, others, truth)),
            "What the answers hang on": importance(model, table, run.seed),
            "Columns": columns_table(table.columns),
        },
        limits=[*PROSE.items("Limits"), *([] if table.is_own else PROSE.items("Limits of the packaged data"))],
        notes=f"{PROSE.text('Notes', losses=_losses(on_validation))} {notes}",
        has_own_data=table.is_own,
        task=CLASSIFICATION if table.labels else REGRESSION,
        made_with="scikit-learn",
    )


def config(table: SplitTable, reach: float | None) -> dict[str, object]:
    """That of the manifest; `reach` is how far the truth lies from a number at most, in COVERED of the rows."""
    columns = [column.model_dump(exclude_defaults=True) for column in table.columns]
    of_classes = {"labels": list(table.labels)}
    of_a_number = {"reach": {"probability": COVERED, "distance": reach}}
    return {"target": table.target, "columns": columns, **(of_classes if table.labels else of_a_number)}


def rows_of(table: SplitTable) -> list[Row]:
    """Rows that nobody has, since everybody may read them: typical, at both ends of each column, and with gaps."""
    typical: Row = {column.name: column.typical for column in table.columns}
    gaps: Row = {column.name: None for column in table.columns if column.may_be_missing}
    low, high = ({column.name: _end(column, at) for column in table.columns} for at in (0, -1))
    return [typical, low, high, *([{**typical, **gaps}] if gaps else [])]


def sample(table: SplitTable, run: Run) -> HeldOut:
    """Test rows as a caller writes them, with null for what is missing."""
    fields, _ = table.part("test")
    kinds = {column.name: column.kind for column in table.columns}
    rows = [
        {name: None if value in ("", None) or value != value else value for name, value in row.items() if name in kinds}
        for row in sampled(fields.to_dict("records"), run)
    ]
    return HeldOut(rows, table.source.name, f"test, {len(rows):,} rows")


def _end(column: Column, at: int) -> float | str | None:
    ends: Sequence[float | str] = column.categories if column.seen is None else column.seen
    return ends[at]


def _losses(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {loss:.4g}" for name, loss in found.items())


RECIPE = Recipe(
    name=NAME,
    task=CLASSIFICATION,
    load=load_table,
    make=make,
    must_reach={"accuracy": 0.93},
    must_lead={"log_loss": "less", "rmse": "less"},
    may_trail=(BOOSTING, LINEAR),
    sample=sample,
    settings=SETTINGS,
    search=SettingsSearch(validation_loss, "loss of the better model on the validation"),
    takes_source=True,
    takes_columns=("target",),
)
