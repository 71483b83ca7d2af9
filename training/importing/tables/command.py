"""python -m training import FILE: a model of tables in a file becomes a version that answers as it did."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from training.errors import progress
from training.importing.asking import how_to_ask
from training.importing.naming import NAME, require_free, slug
from training.importing.tables.publish import import_table


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
    name = chosen.name or slug(chosen.file.stem)
    require_free(name, chosen.models)
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
