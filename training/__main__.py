"""python -m training list | <recipe> …: make models and publish them."""

import argparse
import errno
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from app.errors import InvalidArtifact
from app.repository.manifest import is_model_name
from app.repository.publish import MANIFEST
from app.repository.repository import ModelRepository

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "64-true")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("recipes", nargs="+", metavar="recipe", help="`list` shows them")
    parser.add_argument("--models", type=Path, default=Path("models"), help="the repository to publish to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--if-missing", action="store_true", help="skip a recipe that has a published version")
    parser.add_argument("--tiny", action="store_true", help="a tiny slice of the data, for trying a recipe out")
    parser.add_argument("--resume", action="store_true", help="go on where an interrupted run stopped")
    parser.add_argument(
        "--workdir",
        type=Path,
        default=Path("build/training"),
        help="each recipe has a folder there, for its checkpoints",
    )
    parser.add_argument(
        "--source", type=_not_empty, help="a hub id or a local folder instead of the packaged data or weights"
    )
    parser.add_argument("--name", type=_model_name, help="of the model that is published, if not as its recipe")
    parser.add_argument("--variants", action="store_true", help="publish the recipe's other precisions as well")
    parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0], help="of the training")
    parser.add_argument("--devices", type=_positive, default=1, help="GPUs, or processes where there is no GPU")
    parser.add_argument(
        "--nodes", type=_positive, default=1, help="machines that share --workdir, each with its $NODE_RANK"
    )
    chosen = parser.parse_args(arguments)
    if chosen.name and len(chosen.recipes) > 1:
        parser.error("--name is for one recipe")
    if chosen.if_missing:
        chosen.recipes = [
            recipe
            for recipe in chosen.recipes
            if not any((chosen.models / (chosen.name or recipe)).glob(f"*/{MANIFEST}"))
        ]
    return _run(chosen) if chosen.recipes else 0


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError
    return number


def _not_empty(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text


def _model_name(text: str) -> str:
    if not is_model_name(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name for a model: lower-case words joined by hyphens")
    return text


def _run(chosen: argparse.Namespace) -> int:
    # Not at the top: where nothing is missing, a start must not wait for the training libraries.
    from training.recipe import TrainingError, progress
    from training.recipes import RECIPES, load_recipe

    if chosen.recipes == ["list"]:
        for name in RECIPES:
            recipe = load_recipe(name)
            print(f"{name:24} {recipe.task:22} {recipe.summary}")
        return 0
    unknown = [name for name in chosen.recipes if name not in RECIPES]
    if unknown:
        progress(f"unknown recipe {', '.join(unknown)}; there are: {', '.join(RECIPES)}")
        return 2
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        for name in chosen.recipes:
            _make(name, chosen)
    except (TrainingError, InvalidArtifact) as error:
        progress(f"error: {error}")
        return 1
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        progress(f"error: {f'the disk is full: {error.filename}' if full and error.filename else error}")
        return 1
    except KeyboardInterrupt:
        progress("interrupted; nothing half made was published, and --resume goes on")
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _make(name: str, chosen: argparse.Namespace) -> None:
    from training.recipe import Run, TrainingError, build, progress
    from training.recipes import load_recipe
    from training.workdir import state_of, working_folder

    recipe = load_recipe(name)
    if chosen.source and not recipe.takes_source:
        raise TrainingError(f"{name} is made from its packaged data and takes no --source")
    _check_name(chosen.name or name, name, chosen.models)
    settings = {"seed": chosen.seed, "tiny": chosen.tiny, "source": chosen.source, "precision": chosen.precision}
    node = int(os.environ.get("NODE_RANK", "0")) if chosen.nodes > 1 else 0
    own = chosen.workdir / (chosen.name or name)
    if chosen.nodes > 1:
        own = own / f"node-{node}"
    progress(f"{name}: {recipe.summary}")
    if chosen.source and Path(chosen.source).resolve().is_relative_to(own.resolve()):
        raise TrainingError(f"--source {chosen.source} is in {own}, which a run begins by clearing; choose --workdir")
    known = {"recipe": name, **settings, "files": state_of(chosen.source)}
    with working_folder(own, known, resume=chosen.resume) as folder:
        parallel = {"devices": chosen.devices, "nodes": chosen.nodes, "node": node}
        run = Run(folder, resume=chosen.resume, variants=chosen.variants, name=chosen.name, **parallel, **settings)
        if node:
            recipe.make(run)
            progress(f"{name}: node 0 publishes")
            return
        manifest = build(recipe, run, chosen.models)
    for metric in manifest.metrics:
        progress(f"  {metric.name} {metric.value:.4f} on {metric.dataset} ({metric.split})")
    folder = chosen.models / manifest.name / str(manifest.version)
    progress(f"{manifest.name}: published version {manifest.version} in {folder}")


def _check_name(model: str, recipe: str, models: Path) -> None:
    """Raises TrainingError if `model` is the name of another recipe, or was made by another one."""
    from training.recipe import TrainingError
    from training.recipes import RECIPES

    repository = ModelRepository(models)
    versions = repository.versions(model)
    made = repository.read(model, max(versions)).provenance if versions else None
    if (model in RECIPES and model != recipe) or (versions and (made is None or made.recipe != recipe)):
        raise TrainingError(f"{model} is the name of a model that {recipe} does not make; choose another --name")


if __name__ == "__main__":
    sys.exit(main())
