"""The three models of garments, from tiny slices, made once for all tests: each is judged by those before it."""

from pathlib import Path
from shutil import copytree
from typing import NamedTuple

from line_recipe import leave_only_fits

from app.repository.manifest import Manifest
from training.build import build
from training.recipe import Recipe, Run
from training.recipes import fashion_gan, fashion_mnist, fashion_vae

IN_ORDER = [each.RECIPE for each in (fashion_mnist, fashion_vae, fashion_gan)]


_MADE: dict[str, "Made"] = {}


class Made(NamedTuple):
    models: Path
    work: Path
    manifest: Manifest


def made(recipe: Recipe, root: Path) -> Made:
    """The whole way to a published version, in a folder of `root`, where those before it are made, too."""
    for each in (*_before(recipe), recipe):
        if each.name not in _MADE:
            models, work = root / "fashion" / "models", root / "fashion" / each.name
            work.mkdir(parents=True)
            _MADE[each.name] = Made(models, work, build(each, Run(work, tiny=True, models=models), models))
    return _MADE[recipe.name]


def resumed(recipe: Recipe, once: Made, folder: Path) -> Made:
    """Made anew in `folder` from what a run leaves that was interrupted when all that it trains was trained."""
    work, models = copytree(once.work, folder / "work"), folder / "models"
    leave_only_fits(work)
    models.mkdir()
    for other in _before(recipe):
        (models / other.name).symlink_to(once.models / other.name)
    return Made(models, work, build(recipe, Run(work, tiny=True, models=models, resume=True), models))


def _before(recipe: Recipe) -> list[Recipe]:
    return IN_ORDER[: IN_ORDER.index(recipe)]
