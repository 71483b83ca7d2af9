"""python -m training list | <recipe> … | import SOURCE: make models, or import them, and publish them."""

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

from app.errors import InvalidArtifact
from app.full_disk import no_room
from app.repository.repository import ModelRepository
from training.arguments import parser_of_recipes
from training.libraries import can_train
from training.recipes import RECIPES, load_recipe

COLUMNS = ("text", "label", "separator", "target")
IMPORT = "import"  # instead of a recipe: what training.importing does
TRIED = "tried"  # the folder, in a tiny run's own, that it publishes to

INTERRUPTED = 130  # the status that shells give for SIGINT


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == [IMPORT]:
        return _guarded(partial(_import, arguments[1:]), is_resumable=False)
    parser = parser_of_recipes(__doc__ or "")
    chosen = parser.parse_args(arguments)
    if chosen.name and len(chosen.recipes) > 1:
        parser.error("--name is for one recipe")
    if chosen.recipes == ["list"]:
        return _list()
    if chosen.if_missing:
        chosen.recipes = [one for one in chosen.recipes if is_missing(one, chosen.name or one, chosen.models)]
    return _run(chosen) if chosen.recipes else 0


def is_missing(recipe: str, model: str, models: Path) -> bool:
    """Whether there is no version, or but one that was made where torch was not, while it is here now."""
    repository = ModelRepository(models)
    versions = repository.versions(model)
    if not versions:
        return True
    if recipe not in RECIPES or not RECIPES[recipe].without_torch or not can_train():
        return False
    try:
        made = repository.read(model, versions[0]).provenance
    except InvalidArtifact:  # which the service tells
        return False
    return made is not None and "torch" not in made.libraries


def _list() -> int:
    for name, listed in RECIPES.items():
        print(f"{name:28} {listed.task:30} {listed.summary}")
    return 0


def _import(arguments: list[str]) -> int:
    from training.importing.dispatch import import_source

    return import_source(arguments, main)


def _run(chosen: argparse.Namespace) -> int:
    from training.errors import progress

    unknown = [name for name in chosen.recipes if name not in RECIPES]
    if unknown:
        progress(f"unknown recipe {', '.join(unknown)}; there are: {', '.join(RECIPES)}")
        return 2
    return _guarded(partial(_make_all, chosen))


def _make_all(chosen: argparse.Namespace) -> int:
    _check_repository(chosen.models)
    for name in chosen.recipes:
        _make(name, chosen)
    return 0


def _guarded(work: Callable[[], int], *, is_resumable: bool = True) -> int:
    """Return the status of `work`, or say in one sentence why it came to no end."""
    # Not at the top: where nothing is missing, a start must not wait for the training libraries.
    from training.errors import TrainingError, progress

    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return work()
    except Exception as error:
        if isinstance(error, TrainingError | InvalidArtifact):
            progress(f"error: {error}")
        elif words := no_room(error):
            progress(f"error: nothing is published, since there is no room to write: {words}")
        elif isinstance(error, OSError):
            progress(f"error: {error}")
        else:
            raise
        return 1
    except KeyboardInterrupt:
        progress(f"interrupted; nothing half made was published{', and --resume goes on' if is_resumable else ''}")
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _make(name: str, chosen: argparse.Namespace) -> None:
    from training.build import build
    from training.errors import TrainingError, progress
    from training.importing.asking import how_to_ask
    from training.recipe import Run
    from training.workdir import spent_before, state_of, working_folder

    recipe = load_recipe(name)
    if chosen.source and not recipe.takes_source:
        raise TrainingError(f"{name} is made from its packaged data and takes no --source")
    if (chosen.languages or chosen.prefix is not None) and not recipe.takes_languages:
        raise TrainingError(f"{name} takes no --languages and no --prefix")
    columns = {one: getattr(chosen, one) for one in COLUMNS if getattr(chosen, one) is not None}
    for column in columns.keys() - set(recipe.takes_columns):
        raise TrainingError(f"{name} takes no --{column}")
    given = dict(chosen.set)
    if given and not recipe.settings:
        raise TrainingError(f"{name} learns nothing that could be set: leave out --set")
    if recipe.settings:
        recipe.settings.changed(given)  # before anything is loaded
    _check_name(chosen.name or name, name, chosen.models)
    names = ("seed", "tiny", "source", "languages", "prefix", "precision")
    settings = {one: getattr(chosen, one) for one in names} | {"set": given, "columns": columns}
    node = _rank(chosen.nodes)
    own = chosen.workdir / (chosen.name or name)
    if chosen.nodes > 1:
        own = own / f"node-{node}"
    if chosen.search and chosen.nodes > 1:
        raise TrainingError("--search is for one machine; set on several what it finds")
    progress(f"{name}: {RECIPES[name].summary}")
    if chosen.source and Path(chosen.source).resolve().is_relative_to(own.resolve()):
        raise TrainingError(f"--source {chosen.source} is in {own}, which a run begins by clearing; choose --workdir")
    known = {"recipe": name, **settings, "files": state_of(chosen.source)}
    is_tried = chosen.tiny and not chosen.publish_anyway
    root = own / TRIED if is_tried else chosen.models
    with working_folder(own, known, resume=chosen.resume) as folder:
        run = Run(
            folder,
            resume=chosen.resume,
            variants=chosen.variants,
            name=chosen.name,
            models=chosen.models,
            publish_anyway=chosen.publish_anyway,
            spent_s=spent_before(folder),
            devices=chosen.devices,
            nodes=chosen.nodes,
            node=node,
            search=chosen.search,
            tensorboard=chosen.tensorboard,
            **settings,
        )
        if node:
            recipe.make(recipe.load(run), run)
            progress(f"{name}: node 0 publishes")
            return
        manifest = build(recipe, run, root)
    for metric in manifest.metrics:
        progress(f"  {metric.name} {metric.value:.4f} on {metric.dataset} ({metric.split})")
    version = root / manifest.name / str(manifest.version)
    if is_tried:
        progress(
            f"{manifest.name}: tried, and not published; what a tiny run makes lies in {version}, where none serves it"
        )
    else:
        progress(f"{manifest.name}: published version {manifest.version} in {version}")
    if chosen.source and not is_tried:
        print(how_to_ask(manifest))


def _rank(nodes: int) -> int:
    """Return which of the nodes this is. Raises TrainingError if $NODE_RANK is none of theirs."""
    from training.errors import TrainingError

    if nodes == 1:
        return 0
    rank = os.environ.get("NODE_RANK", "0")
    if not re.fullmatch("[0-9]{1,4}", rank) or int(rank) >= nodes:
        raise TrainingError(f"NODE_RANK is {rank!r}; of {nodes} nodes it is 0 to {nodes - 1}")
    return int(rank)


def _check_repository(models: Path) -> None:
    """Raises TrainingError if nothing could be published there, before hours are spent."""
    from training.errors import TrainingError

    there = next(folder for folder in (models.absolute(), *models.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise TrainingError(f"--models {models} cannot be a folder, since {there} is a file")
    if not os.access(there, os.W_OK | os.X_OK):
        raise TrainingError(f"--models {models} cannot be written")


def _check_name(model: str, recipe: str, models: Path) -> None:
    """Raises TrainingError if `model` is the name of another recipe, or was made by another one."""
    from training.errors import TrainingError

    repository = ModelRepository(models)
    versions = repository.versions(model)
    made = repository.read(model, max(versions)).provenance if versions else None
    if (model in RECIPES and model != recipe) or (versions and (made is None or made.recipe != recipe)):
        raise TrainingError(f"{model} is the name of a model that {recipe} does not make; choose another --name")


if __name__ == "__main__":
    sys.exit(main())
