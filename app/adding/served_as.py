"""As a model of which task a graph is served."""

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel

from app.repository.manifest import Golden
from app.tensors import TensorSpec


class ServedAs(NamedTuple):
    """`config` is that of the task; `about` says in a few words what goes in and what comes out.

    `largest` is the number of rows that may share a batch, and `unbatched` says why it is one. `said` are sentences
    for whoever adds it: what was found, and how to say otherwise.
    """

    task: str
    config: BaseModel
    golden: tuple[Golden, ...]
    limits: tuple[str, ...]
    about: str
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    largest: int
    unbatched: str = ""
    said: tuple[str, ...] = ()
