"""python -m training import …: a file is a model of tables; a folder, or an id of the hub, one of transformers."""

from collections.abc import Callable
from pathlib import Path

from training.importing.command import import_model
from training.importing.tables.command import import_file
from training.importing.tables.convert import SUFFIXES


def import_source(arguments: list[str], make_recipe: Callable[[list[str]], int]) -> int:
    """Publish the model that `arguments` name. Returns the status of the process; raises as the two ways do."""
    is_file = any(Path(one).is_file() or (Path(one).suffix in SUFFIXES and not Path(one).is_dir()) for one in arguments)
    return import_file(arguments) if is_file else import_model(arguments, make_recipe)
