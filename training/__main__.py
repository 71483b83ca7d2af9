"""python -m training list | <recipe> …: make models and publish them."""

import argparse
import sys
import tempfile
from pathlib import Path

from app.repository.publish import MANIFEST


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("recipes", nargs="+", metavar="recipe", help="`list` shows them")
    parser.add_argument("--models", type=Path, default=Path("models"), help="the repository to publish to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--if-missing", action="store_true", help="skip a recipe that has a published version")
    parser.add_argument("--tiny", action="store_true", help="a tiny slice of the data, for trying a recipe out")
    chosen = parser.parse_args(arguments)
    if chosen.if_missing:
        chosen.recipes = [name for name in chosen.recipes if not any((chosen.models / name).glob(f"*/{MANIFEST}"))]
    return _run(chosen) if chosen.recipes else 0


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
    try:
        for name in chosen.recipes:
            _make(name, chosen)
    except (TrainingError, OSError) as error:
        progress(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        progress("interrupted; nothing half made was published")
        return 130
    return 0


def _make(name: str, chosen: argparse.Namespace) -> None:
    from training.recipe import Run, build, progress
    from training.recipes import load_recipe

    recipe = load_recipe(name)
    progress(f"{name}: {recipe.summary}")
    with tempfile.TemporaryDirectory(prefix="tessera-") as workdir:
        manifest = build(recipe, Run(Path(workdir), chosen.seed, chosen.tiny), chosen.models)
    for metric in manifest.metrics:
        progress(f"  {metric.name} {metric.value:.4f} on {metric.dataset} ({metric.split})")
    progress(f"{name}: published version {manifest.version} in {chosen.models / name / str(manifest.version)}")


if __name__ == "__main__":
    sys.exit(main())
