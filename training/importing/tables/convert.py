"""python -m training.importing.tables.convert FILE FOLDER [ROWS]: one model as a graph, compared with what it was.

A process of its own, since whoever reads a pickle runs what is in it. It writes `model.onnx` and FOUND into FOLDER; or
ends with 1, and says why in one sentence.
"""

import json
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pandas as pd
from pydantic import TypeAdapter

from app.repository.manifest import Verification
from app.tasks.tables.columns import Column
from training.errors import TrainingError, first_line
from training.graphs.tables import proved
from training.importing.tables.model import TableModel
from training.importing.tables.rows import columns_of, decisive, given_rows, made_up

FOUND, GRAPH = "found.json", "model.onnx"
SCIKIT, XGBOOST, LIGHTGBM = (".joblib", ".pkl"), (".ubj", ".json"), (".txt",)
SUFFIXES = (*SCIKIT, *XGBOOST, *LIGHTGBM)
TRIED = 50  # rows, to find out whether a column may be missing
MOST_SHOWN = 4  # rows of which the answers become golden examples


class Found(NamedTuple):
    """All that is known of a converted model. `rows` are made up; `spread` is how far its numbers lie apart."""

    kind: str
    library: str
    labels: list[str]
    columns: list[Column]
    verification: Verification
    rows: list[dict[str, float | str | None]]
    spread: float


FOUND_MODEL = TypeAdapter(Found)


def open_model(path: Path) -> TableModel:
    """A model by the suffix of its file. Raises TrainingError, also if a library is not there that reads it."""
    try:
        if path.suffix in SCIKIT:
            from training.importing.tables.scikit import open_scikit

            return open_scikit(path)
        from training.importing.tables.boosted import open_lightgbm, open_xgboost

        return open_xgboost(path) if path.suffix in XGBOOST else open_lightgbm(path)
    except ModuleNotFoundError as error:
        raise TrainingError(f"{path.name} cannot be read without the library {error.name}; install it") from error


def convert(path: Path, folder: Path, rows: Path | None) -> Found:
    """Raises TrainingError if the model cannot be converted, or its graph answers otherwise."""
    model = open_model(path)
    written = model.graph()
    onnx.save(written, folder / GRAPH)
    near = decisive(written)
    whole = made_up(model, near, lambda name: False)
    numbers = [name for name in model.names if name not in model.categories]
    missing = {name for name in numbers if _takes_gap(model, whole[:TRIED], name, folder / GRAPH)}
    examples = None if rows is None else given_rows(model, rows)
    compared = [made_up(model, near, missing.__contains__), *([] if examples is None else [examples])]
    fields = pd.concat(compared, ignore_index=True)
    told = model.told(fields)
    if np.ptp(told, axis=0).max() == 0:
        raise TrainingError(
            f"{path.name} answers all of {len(fields)} rows alike, which proves nothing; give rows with --example"
        )
    verification = proved(told, fields, folder / GRAPH, model.library)
    shown = [_as_row(one) for _, one in whole[:MOST_SHOWN].iterrows()]
    columns = columns_of(model, missing.__contains__, examples)
    spread = float(np.std(told)) if told.ndim == 1 else 1.0
    return Found(model.kind, model.library, list(model.labels), columns, verification, shown, spread)


def _takes_gap(model: TableModel, rows: pd.DataFrame, name: str, graph: Path) -> bool:
    """Whether the model answers rows in which this number is missing, and its graph as it does."""
    with_gaps = rows.assign(**{name: np.float32("nan")})
    try:
        proved(model.told(with_gaps), with_gaps, graph, model.library)
    except (ValueError, TrainingError):
        return False
    return True


def _as_row(row: pd.Series) -> dict[str, float | str | None]:
    return {str(name): value if isinstance(value, str) else float(value) for name, value in row.items()}


def main(arguments: list[str]) -> int:
    path, folder, *rows = map(Path, arguments)
    warnings.simplefilter("ignore")  # other libraries' own; what they lead to is compared
    try:
        found = convert(path, folder, rows[0] if rows else None)
    except TrainingError as error:
        print(json.dumps({"error": str(error)}))
        return 1
    except Exception as error:  # whatever the file holds: its reader is told in a sentence
        print(json.dumps({"error": f"{path.name} cannot be converted: {first_line(error)[:300]}"}))
        return 1
    (folder / FOUND).write_bytes(FOUND_MODEL.dump_json(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
