"""python -m training.amend MODEL …: measure the explanations of a published version, and say so on its card."""

import argparse
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from app.errors import InvalidArtifact
from app.repository.manifest import Artifact, Manifest, Metric
from app.repository.publish import sha256_of, write_manifest
from app.repository.repository import ModelRepository
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.tasks import task_of
from training.card.markdown import quality
from training.data.own.names import HUB_ID
from training.errors import TrainingError, progress
from training.measures.deletion import faithfulness
from training.recipe import Run
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
    parser.add_argument("--source", help="where the data of one's own lies that the model was made of")
    parser.add_argument("--tiny", action="store_true", help="on a tiny slice of the data, for trying it out")
    chosen = parser.parse_args(arguments)
    try:
        for name in chosen.models:
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
    repository = ModelRepository(root)
    versions = repository.versions(name)
    if not versions:
        raise TrainingError(f"{name} has no version")
    manifest = repository.read(name, max(versions))
    made = manifest.provenance
    if made is None or made.recipe not in RECIPES:
        raise TrainingError(f"{name} was not made by a recipe")
    recipe = load_recipe(made.recipe)
    if recipe.held_out is None:
        raise TrainingError(f"{name} has no inputs to explain")
    stated = source_of(made.command)
    if stated and not source and not HUB_ID.fullmatch(stated):
        raise TrainingError(f"{name} was made of data of one's own, {stated!r}; say with --source where that lies")
    files, kind = repository.verify(manifest), task_of(manifest.task, manifest.config)
    view = kind.own(kind.open(manifest.config, files))
    options = RuntimeOptions(device="cpu", precision=manifest.precision)
    sessions = {graph: RUNTIMES[manifest.runtime](files[file], options) for graph, file in manifest.graphs.items()}
    run = Run(Path(), tiny=tiny, source=source or stated)
    held_out = recipe.held_out(recipe.load(run), run)
    measured = faithfulness(view, sessions, held_out)
    write(Published(root / name / str(manifest.version), manifest), measured)
    return measured


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
