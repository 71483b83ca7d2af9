"""python -m training.amend MODEL …: measure the explanations of a published version, or what is compared for drift."""

import argparse
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import InvalidArtifact
from app.repository.manifest import Artifact, Manifest, Metric
from app.repository.publish import sha256_of, write_manifest
from app.repository.reference import Reference
from app.repository.repository import ModelRepository
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.tasks import task_of
from app.tasks.view import View
from app.tensors import Session
from training.card.markdown import quality
from training.data.own.names import HUB_ID
from training.errors import TrainingError, progress
from training.measures.deletion import faithfulness
from training.measures.reference import distributions
from training.recipe import Recipe, Run
from training.recipes import RECIPES, load_recipe


@dataclass(frozen=True, slots=True)
class Published:
    """A version in a repository, in its folder."""

    folder: Path
    manifest: Manifest


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.amend", description=__doc__)
    parser.add_argument("models", nargs="+", metavar="model", help="whose newest version is measured")
    parser.add_argument("--models", dest="root", type=Path, default=Path("models"), help="the repository")
    parser.add_argument("--reference", action="store_true", help="add what drift is compared with to the manifest")
    parser.add_argument("--source", help="where the data of one's own lies that the model was made of")
    parser.add_argument("--tiny", action="store_true", help="on a tiny slice of the data, for trying it out")
    chosen = parser.parse_args(arguments)
    try:
        for name in chosen.models:
            if chosen.reference:
                found = refer(chosen.root, name, tiny=chosen.tiny, source=chosen.source)
                progress(f"{name}: {len(found.measures)} measures of {found.answers} answers on {found.dataset}")
                continue
            for metric in amend(chosen.root, name, tiny=chosen.tiny, source=chosen.source):
                progress(f"{name}: {metric.name} {metric.value} beside {metric.baselines} on {metric.dataset}")
    except (TrainingError, InvalidArtifact) as error:
        progress(f"error: {error}")
        return 1
    return 0


def amend(root: Path, name: str, *, tiny: bool = False, source: str | None = None) -> list[Metric]:
    """Measure the newest version of a model, and replace what its manifest and card say of its explanations.

    `source`: where the data of one's own lies that it was made of; a card does not say that of a folder. Raises
    TrainingError if its recipe names no inputs to measure with, or there is no version.
    """
    recipe, published, run = _made(root, name, tiny=tiny, source=source)
    if recipe.held_out is None:
        raise TrainingError(f"{name} has no inputs to explain")
    held_out = recipe.held_out(recipe.load(run), run)
    measured = faithfulness(*_opened(root, published.manifest), held_out)
    write(published, measured)
    return measured


def refer(root: Path, name: str, *, tiny: bool = False, source: str | None = None) -> Reference:
    """Put the reference for drift into the manifest of the newest version, whose answers stay as they are.

    Raises TrainingError as `amend` does, and if there are too few questions.
    """
    recipe, published, run = _made(root, name, tiny=tiny, source=source)
    if recipe.sample is None:
        raise TrainingError(f"{name} has no questions to measure")
    found = distributions(*_opened(root, published.manifest), recipe.sample(recipe.load(run), run))
    if found is None:
        raise TrainingError(f"{name} has too few questions to measure")
    write_manifest(published.folder, published.manifest.model_copy(update={"reference": found}))
    return found


def _made(root: Path, name: str, *, tiny: bool, source: str | None) -> tuple[Recipe[Any], Published, Run]:
    """The newest version of a model, its recipe, and a run of that. Raises TrainingError."""
    repository = ModelRepository(root)
    versions = repository.versions(name)
    if not versions:
        raise TrainingError(f"{name} has no version")
    manifest = repository.read(name, max(versions))
    made = manifest.provenance
    if made is None or made.recipe not in RECIPES:
        raise TrainingError(f"{name} was not made by a recipe")
    recipe = load_recipe(made.recipe)
    stated = source_of(made.command)
    if stated and not source and not HUB_ID.fullmatch(stated):
        raise TrainingError(f"{name} was made of data of one's own, {stated!r}; say with --source where that lies")
    return (
        recipe,
        Published(root / name / str(manifest.version), manifest),
        Run(Path(), tiny=tiny, source=source or stated),
    )


def _opened(root: Path, manifest: Manifest) -> tuple[View[Any], dict[str, Session]]:
    files, kind = ModelRepository(root).verify(manifest), task_of(manifest.task, manifest.config)
    options = RuntimeOptions(device="cpu", precision=manifest.precision)
    sessions = {graph: RUNTIMES[manifest.runtime](files[file], options) for graph, file in manifest.graphs.items()}
    return kind.own(kind.open(manifest.config, files)), sessions


def source_of(command: str) -> str | None:
    """The data of one's own that a version was made from."""
    words = shlex.split(command)
    return words[words.index("--source") + 1] if "--source" in words else None


def write(published: Published, measured: list[Metric]) -> None:
    """Metrics of these names are replaced, in the manifest and on the card. Raises TrainingError, and changes nothing,
    if the card has not the figures of the manifest."""
    manifest, names = published.manifest, {metric.name for metric in measured}
    metrics = (*(metric for metric in manifest.metrics if metric.name not in names), *measured)
    files = dict(manifest.files)
    if manifest.card:
        path = published.folder / manifest.card.markdown
        card, known = path.read_text(encoding="utf-8"), "\n\n".join(quality(manifest.metrics))
        if known not in card:
            raise TrainingError(f"{path} has other figures than the manifest, so it is left as it is")
        path.write_text(card.replace(known, "\n\n".join(quality(metrics))), encoding="utf-8")
        files[manifest.card.markdown] = Artifact(sha256=sha256_of(path), size=path.stat().st_size)
    write_manifest(published.folder, manifest.model_copy(update={"metrics": metrics, "files": files}))


if __name__ == "__main__":
    sys.exit(main())
