"""The manifest: all the service must know of one model version, written by training."""

import re
from collections.abc import Iterator
from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt, model_validator

from app.repository.reference import Reference
from app.tensors import TensorSpec

MODEL_NAME = r"^[a-z0-9]+(?:[-_.][a-z0-9]+)*$"
LONGEST_NAME = 64  # characters of a model's name, which is a folder, a label of metrics and a part of paths
Runtime = Literal["onnx", "pytorch"]
Precision = Literal["fp32", "fp16", "bf16", "int8", "int4"]
ArtifactName = Annotated[str, Field(min_length=1, max_length=255)]  # as file systems have them


def is_model_name(name: str) -> bool:
    return len(name) <= LONGEST_NAME and re.fullmatch(MODEL_NAME, name) is not None


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Artifact(Frozen):
    """A file of the version. The service refuses the version if either differs on disk."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


class Batching(Frozen):
    """Upper bounds for the batcher, which otherwise follows the latency curve it measures."""

    max_batch_size: Annotated[PositiveInt, Field(le=65_536)] = 32


class Metric(Frozen):
    """One measured quality. `baselines` holds the same figure of simpler models on the same split."""

    name: str
    value: FiniteFloat
    dataset: str
    split: str
    baselines: dict[str, FiniteFloat] = {}


class Source(Frozen):
    """Where data or weights came from, as they declare it themselves."""

    name: str
    version: str
    licence: str
    sha256: str = ""
    used_for: str = ""


class Provenance(Frozen):
    """The origin of this version: how it was made."""

    recipe: str
    command: str
    seed: int | None = None
    created: str
    duration_s: float = 0.0
    sources: tuple[Source, ...] = ()
    libraries: dict[str, str] = {}
    settings: dict[str, int | float | str] = {}
    notes: str = ""


class Golden(Frozen):
    """A request whose answer is known; `tolerance` is the largest allowed difference of any number in it."""

    input: Any
    parameters: dict[str, Any] = {}
    output: Any
    tolerance: Annotated[FiniteFloat, Field(ge=0)] = 1e-4

    @model_validator(mode="after")
    def _tells_answers_apart(self) -> Self:
        largest = max(map(abs, _numbers(self.output)), default=0.0)
        if self.tolerance >= max(1.0, largest):
            raise ValueError(f"a tolerance of {self.tolerance:g} allows any answer: the largest number is {largest:g}")
        return self


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _numbers(one)
    elif isinstance(value, int | float) and isfinite(value):
        yield float(value)


class Variant(Frozen):
    """The same model in another runtime or precision: same inputs, same outputs, same golden examples."""

    runtime: Runtime
    precision: Precision
    graphs: Annotated[dict[str, ArtifactName], Field(min_length=1)]


class Verification(Frozen):
    """Largest absolute difference between the trained network and the exported graph, over real inputs.

    `batch_1`: each input alone. `batch_n`: all in batches of `n`.
    """

    batch_1: float
    batch_n: float
    n: PositiveInt
    inputs: PositiveInt


class CardFiles(Frozen):
    """Files of the version that people read: Markdown, and the pictures that it shows."""

    markdown: ArtifactName = "card.md"
    pictures: tuple[ArtifactName, ...] = ()


class Manifest(Frozen):
    """Contents of `models/<name>/<version>/manifest.json`."""

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=MODEL_NAME, max_length=LONGEST_NAME)]
    version: PositiveInt
    task: str
    description: str = ""
    licence: str = ""
    runtime: Runtime
    precision: Precision = "fp32"
    graphs: Annotated[dict[str, ArtifactName], Field(min_length=1)]
    variants: dict[str, Variant] = {}
    files: dict[ArtifactName, Artifact]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    config: dict[str, Any] = {}
    batching: Batching = Batching()
    metrics: tuple[Metric, ...] = ()
    limits: tuple[str, ...] = ()
    verification: Verification | None = None
    card: CardFiles | None = None
    provenance: Provenance | None = None
    golden: tuple[Golden, ...] = ()
    reference: Reference | None = None

    def in_variant(self, name: str | None) -> Self:
        """This version as that variant runs it; as it is for None. Raises KeyError."""
        return self if name is None else self.model_copy(update=dict(self.variants[name]))
