"""The kinds of versions in memory: each answers in the way of its kernel."""

from collections.abc import Callable
from functools import partial

from app.serving.engine import Predicts
from app.serving.generator import TextGenerator
from app.serving.model import Model
from app.serving.sequences import SequenceModel
from app.tasks.kernel import Kernel


def kind_of(kernel: Kernel, find: Callable[[str], Predicts]) -> Callable[..., Model | TextGenerator | SequenceModel]:
    """Return the kind of a version with this kernel."""
    if kernel.writes_rows:
        return SequenceModel
    return TextGenerator if kernel.steps else partial(Model, find=find)
