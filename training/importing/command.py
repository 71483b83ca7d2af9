"""python -m training import SOURCE: a model in a folder, or on the hub, becomes a version that answers as it did."""

import argparse
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from app.repository.manifest import Manifest, is_model_name
from training.build import build
from training.data.own.names import NAMELESS, public_name
from training.errors import TrainingError, progress
from training.importing.architectures import RECIPES, task_of
from training.importing.asking import how_to_ask
from training.importing.folder import ModelFolder, open_folder
from training.importing.kinds import KINDS
from training.importing.naming import NAME, require_free, slug
from training.importing.sentence_transformers import MODULES
from training.recipe import Draft, Recipe, Run
from training.workdir import state_of, working_folder


def import_model(arguments: Sequence[str], make_recipe: Callable[[list[str]], int]) -> int:
    """Publish the model that `arguments` name, and print how it is asked. Returns the status of the process.

    `make_recipe` runs a recipe with arguments of its own: of models that write, recipes make versions. Raises
    TrainingError and InvalidArtifact, and then nothing is published.
    """
    chosen = _parser().parse_args(arguments)
    folder = open_folder(chosen.source)
    task = chosen.task or task_of(folder.config, is_pooled=(folder.path / MODULES).is_file())
    name = chosen.name or name_of(chosen.source)
    if task in RECIPES:
        return make_recipe(_recipe_arguments(chosen, task, name))
    if chosen.languages is not None or chosen.prefix is not None:
        raise TrainingError(f"a model for {task} takes no --languages and no --prefix")
    require_free(name, chosen.models)
    progress(f"{folder.name}: a model for {task}")
    manifest = _publish(folder, task, name, chosen)
    progress(f"{name}: published version {manifest.version} in {chosen.models / name / str(manifest.version)}")
    print(how_to_ask(manifest))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m training {NAME}", description=__doc__)
    parser.add_argument("source", help="a folder, or owner/name of the hub, maybe with @ and a commit")
    parser.add_argument("--task", choices=[*KINDS, *RECIPES], help="if not the one that its architecture tells")
    parser.add_argument("--name", help="of the model that is published, if not that of the source")
    parser.add_argument("--models", type=Path, default=Path("models"), help="the repository to publish to")
    parser.add_argument("--workdir", type=Path, default=Path("build/training"), help="for files on the way")
    parser.add_argument("--int8", action="store_true", help="in 8 bits, too, if these answer as fp32 does")
    parser.add_argument("--languages", metavar="FROM,TO", help="of a translator, if its tokenizer does not tell")
    parser.add_argument("--prefix", help="what a model that writes reads before every text")
    return parser


def name_of(source: str) -> str:
    """A model's name after that of the folder or the repository. Raises TrainingError if that makes none."""
    last = public_name(source).partition("@")[0].rpartition("/")[2]
    name = slug(last)
    if last == NAMELESS or not is_model_name(name):
        raise TrainingError(f"{last!r:.60} makes no name for a model; choose one with --name")
    return name


def _recipe_arguments(chosen: argparse.Namespace, task: str, name: str) -> list[str]:
    given = {"--source": chosen.source, "--name": name, "--models": chosen.models, "--workdir": chosen.workdir}
    given |= {"--languages": chosen.languages, "--prefix": chosen.prefix}
    words = [str(word) for pair in given.items() if pair[1] is not None for word in pair]
    return [RECIPES[task], *words, *(["--variants"] if chosen.int8 else [])]


def _publish(folder: ModelFolder, task: str, name: str, chosen: argparse.Namespace) -> Manifest:
    recipe: Recipe[ModelFolder] = Recipe(
        NAME, task, load=lambda run: folder, make=partial(_draft, task), takes_source=True
    )
    settings = {"recipe": NAME, "source": chosen.source, "task": task, "files": state_of(chosen.source)}
    with working_folder(chosen.workdir / name, settings, resume=False) as workdir:
        run = Run(workdir, source=chosen.source, name=name, models=chosen.models, variants=chosen.int8)
        return build(recipe, run, chosen.models, again=_command(chosen, task, name))


def _draft(task: str, folder: ModelFolder, run: Run) -> Draft:
    """Raises TrainingError, also of what is stated in the folder and is no setting of a model of ours."""
    try:
        return KINDS[task](folder, run)
    except ValidationError as error:
        (fault, *_) = error.errors()
        place = ".".join(map(str, fault["loc"]))
        raise TrainingError(
            f"{folder.path} states what cannot be served: {place} {fault['input']!r:.40}: {fault['msg']}"
        ) from error


def _command(chosen: argparse.Namespace, task: str, name: str) -> str:
    options = f"--task {task} --name {name}{' --int8' if chosen.int8 else ''}"
    return f"python -m training {NAME} {shlex.quote(public_name(chosen.source))} {options}"
