"""A file of scikit-learn, XGBoost or LightGBM becomes a version that answers as it did."""

import hashlib
import json
import shlex
import subprocess
import sys
from pathlib import Path

from app.repository.manifest import Batching, Manifest, Source
from app.runtimes.onnx import signature_of_onnx
from training.build import build
from training.card.tables import columns_table
from training.data.own.names import public_name
from training.errors import TrainingError, progress
from training.importing.naming import NAME
from training.importing.tables.convert import FOUND, FOUND_MODEL, GRAPH, SCIKIT, SUFFIXES, Found
from training.recipe import Draft, Example, Exported, Recipe, Run
from training.workdir import state_of, working_folder

CLASSIFICATION, REGRESSION = "tabular-classification", "tabular-regression"
UNPICKLED = (
    "WARNING: to read {name} runs the code that it holds, with all that you may do on this machine. Go on only with a "
    "file that you made yourself; the service never reads it."
)
LIMITS = (
    "It was made elsewhere: what it learned from, and how good it is, was not looked at here.",
    "It must not decide alone about people: their credit, work, health, insurance, schooling or freedom.",
    "Numbers are read as fp32. It was compared with its own library on rows that were made up, and on those given.",
)


def import_table(
    path: Path,
    *,
    name: str,
    models: Path,
    workdir: Path,
    target: str = "target",
    labels: list[str] | None = None,
    rows: Path | None = None,
) -> Manifest:
    """Publish the model in a file of SUFFIXES as `name` under `models`.

    `target`: what it tells. `labels`: names of its classes, in order, if not its own. `rows`: a table to compare it
    on, too, of which is learned what is typical. Raises TrainingError and InvalidArtifact, and then nothing is
    published.
    """
    if path.suffix not in SUFFIXES or not path.is_file():
        raise TrainingError(f"{path} is no file that ends with {', '.join(SUFFIXES)}")

    def make(found: Found, run: Run) -> Draft:
        return table_draft(found, path, run.workdir / GRAPH, target, labels)

    recipe = Recipe(NAME, CLASSIFICATION, load=lambda run: converted_apart(path, run.workdir, rows), make=make)
    settings = {"recipe": NAME, "source": str(path), "files": state_of(str(path))}
    options = {"--name": name, "--target": target, "--labels": ",".join(labels or [])}
    given = " ".join(f"{option} {shlex.quote(value)}" for option, value in options.items() if value)
    with working_folder(workdir / name, settings, resume=False) as folder:
        run = Run(folder, source=str(path), name=name, models=models)
        return build(recipe, run, models, again=f"python -m training import {shlex.quote(path.name)} {given}")


def converted_apart(path: Path, folder: Path, rows: Path | None) -> Found:
    """Convert a model in a process of its own, into `folder`. Raises TrainingError with what that one says."""
    if path.suffix in SCIKIT:
        progress(UNPICKLED.format(name=path.name))
    arguments = [str(one.absolute()) for one in (path, folder, *([rows] if rows else []))]
    process = subprocess.run(
        [sys.executable, "-m", "training.importing.tables.convert", *arguments], stdout=subprocess.PIPE, check=False
    )
    if process.returncode:
        raise TrainingError(_why(process.stdout, path.name, process.returncode))
    return FOUND_MODEL.validate_json((folder / FOUND).read_bytes())


def _why(said: bytes, name: str, status: int) -> str:
    try:
        return str(json.loads(said.splitlines()[-1])["error"])
    except (ValueError, KeyError, IndexError, TypeError):  # it was killed, or the file's own code ended it
        return f"the process that read {name} ended with status {status}"


def table_draft(found: Found, path: Path, graph: Path, target: str, labels: list[str] | None) -> Draft:
    """Raises TrainingError if there are other than as many `labels` as classes."""
    if labels and len(labels) != len(found.labels):
        raise TrainingError(f"{len(labels)} labels are given, and {path.name} tells {len(found.labels)} classes")
    if found.labels and len(set(labels or found.labels)) < len(found.labels):
        raise TrainingError("two classes have the same label")
    signature = signature_of_onnx(graph)
    columns = [column.model_dump(exclude_defaults=True) for column in found.columns]
    of_classes = {"labels": labels or found.labels} if found.labels else {}
    tolerance = 1e-4 if found.labels else min(0.5, 1e-4 * max(1.0, found.spread))
    return Draft(
        description=f"Tells {target} by {len(columns)} columns of a row: {found.kind}, imported.",
        licence="not stated; that of whoever made it",
        files={GRAPH: graph},
        graphs={"model": GRAPH},
        config={"target": target, "columns": columns, **of_classes},
        exported=Exported(graph, signature.inputs, signature.outputs, found.verification),
        batching=Batching(max_batch_size=256),
        metrics=[],
        sources=[
            Source(
                name=public_name(str(path)),
                version="local",
                licence="not stated; that of whoever made it",
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                used_for="weights",
            )
        ],
        examples=[Example(row, tolerance=tolerance) for row in found.rows],
        limits=LIMITS,
        sections={"Columns": columns_table(found.columns)},
        has_own_data=True,
        task=CLASSIFICATION if found.labels else REGRESSION,
        made_with=found.library,
    )
