"""The kinds of versions in memory: each answers in the way of its kernel."""

from collections.abc import Callable
from functools import partial

from app.serving.engine import Predicts
from app.serving.generator import TextGenerator
from app.serving.model import Model
from app.serving.sequences import SequenceModel
from app.tasks.kernel import Kernel


def kind_of(
    kernel: Kernel, find: Callable[[str], Predicts], drift: bool
) -> Callable[..., Model | TextGenerator | SequenceModel]:
    """Return the kind of a version with this kernel. `find` and `drift` are those of one that is asked in batches: what
    is written token by token has no measures.
    """
    if kernel.writes_rows:
        return SequenceModel
    return TextGenerator if kernel.steps else partial(Model, find=find, drift=drift)
