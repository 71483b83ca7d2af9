"""python -m training import FILE: a model of tables in a file becomes a version that answers as it did."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from app.repository.manifest import is_model_name
from app.repository.repository import ModelRepository
from training.errors import TrainingError, progress
from training.importing.asking import how_to_ask
from training.importing.tables.publish import NAME, import_table
from training.recipes import RECIPES


def import_file(arguments: Sequence[str]) -> int:
    """Publish the model that `arguments` name, and print how it is asked. Returns the status of the process.

    Raises TrainingError and InvalidArtifact, and then nothing is published.
    """
    parser = argparse.ArgumentParser(prog=f"python -m training {NAME}", description=__doc__)
    parser.add_argument("file", type=Path, help=".joblib or .pkl, .ubj or .json of XGBoost, .txt of LightGBM")
    parser.add_argument("--name", help="of the model that is published, if not that of the file")
    parser.add_argument("--target", default="target", metavar="COLUMN", help="the name of what it tells")
    parser.add_argument("--labels", metavar="A,B,…", help="names of its classes, in order, if it has none")
    parser.add_argument("--example", type=Path, metavar="ROWS", help="a CSV file of rows to compare it on, too")
    parser.add_argument("--models", type=Path, default=Path("models"), help="the repository to publish to")
    parser.add_argument("--workdir", type=Path, default=Path("build/training"), help="for files on the way")
    chosen = parser.parse_args(arguments)
    name = chosen.name or re.sub(r"[^a-z0-9]+", "-", chosen.file.stem.lower()).strip("-")
    _require_free(name, chosen.models)
    manifest = import_table(
        chosen.file,
        name=name,
        models=chosen.models,
        workdir=chosen.workdir,
        target=chosen.target,
        labels=chosen.labels.split(",") if chosen.labels else None,
        rows=chosen.example,
    )
    progress(f"{name}: published version {manifest.version} in {chosen.models / name / str(manifest.version)}")
    print(how_to_ask(manifest))
    return 0


def _require_free(name: str, models: Path) -> None:
    """Raises TrainingError if a model of this name is, or could be, made by a recipe."""
    if not is_model_name(name):
        raise TrainingError(f"{name[:40]!r} is no name for a model; choose one with --name")
    repository = ModelRepository(models)
    versions = repository.versions(name)
    made = repository.read(name, max(versions)).provenance if versions else None
    if name in RECIPES or (versions and (made is None or made.recipe != NAME)):
        raise TrainingError(f"{name} is the name of a model that was not imported; choose another --name")
