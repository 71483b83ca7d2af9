"""Recipes: their input, and the draft that they make. Knows no runtime and no library of training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from app.repository.cascade import CascadeStep
from app.repository.manifest import (
    Batching,
    Metric,
    Source,
    Variant,
    Verification,
)
from app.repository.reference import Reference
from app.tensors import TensorSpec
from training.settings import TrainingSettings

FULL_PRECISION = "32-true"
Better = Literal["more", "less"]
Data = TypeVar("Data")
Chosen = TypeVar("Chosen", bound=TrainingSettings)
Item = TypeVar("Item")

MOST_SAMPLED, TINY_SAMPLE = 1000, 100


@dataclass(frozen=True, slots=True)
class Example:
    """A real request whose answer becomes a golden example of the version."""

    input: Any
    parameters: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-4


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Items, as JSON, that a model has not learned from, and what they are; `split` names the split and counts them."""

    items: Sequence[Any]
    dataset: str
    split: str


@dataclass(frozen=True, slots=True)
class Exported:
    """A graph that a module became: where it lies, its tensors as it states them, and how near it is to torch.

    That of a cascade is the graph of its last step, which was compared when that was published.
    """

    path: Path
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    verification: Verification | None


@dataclass(frozen=True, slots=True)
class CascadeDraft:
    """Published versions that are asked in turn, and what they `answer` to an item with parameters, as JSON."""

    steps: Sequence[CascadeStep]
    answer: Callable[[Any, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """All that a recipe knows of the version it made. `files` maps artifact names to where they lie now.

    Fields that are called as those of a manifest become these. `exported` is the graph that was compared with torch.
    For the card: `plots` maps captions to PNG files, `sections` headings to Markdown, and it begins with `warning`.
    `task`: that of the version, where the data tells it and not the recipe; `made_with`: what trained it.
    `has_own_data`: made and measured with other data than the recipe's own, so that what the recipe must reach says
    nothing of it. `reference`: one that is kept, of a recipe that samples nothing itself.
    """

    description: str
    licence: str
    files: Mapping[str, Path]
    graphs: Mapping[str, str]
    config: Mapping[str, Any]
    exported: Exported
    metrics: Sequence[Metric]
    sources: Sequence[Source]
    examples: Sequence[Example]
    runtime: str = "onnx"
    precision: str = "fp32"
    batching: Batching = field(default_factory=Batching)
    limits: Sequence[str] = ()
    notes: str = ""
    variants: Mapping[str, Variant] = field(default_factory=dict)
    plots: Mapping[str, Path] = field(default_factory=dict)
    sections: Mapping[str, str] = field(default_factory=dict)
    has_own_data: bool = False
    warning: str = ""
    task: str = ""
    made_with: str = "torch"
    reference: Reference | None = None
    cascade: CascadeDraft | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a recipe.

    `workdir`: where it may write, kept until the next fresh start. `tiny`: only tried, on a tiny slice. `resume`: go on
    where an interrupted run in `workdir` stopped. `precision`, `devices` (per node) and `nodes` are Lightning's; of
    several nodes each has its rank as `node` and a `workdir` of its own, beside those of the others.
    `source`: a hub id, a local folder or a file instead of the packaged data or weights; `columns`: those of such a
    table that are meant as `text`, `label` or `target`, and the `separator` of several labels. `variants`: publish
    the recipe's other precisions too. `name`: what the model is called, if not as its recipe. `models`: the repository,
    in which a recipe finds other models that it needs. `publish_anyway`: even if it is not good enough. `spent_s`:
    seconds that earlier processes of a resumed run took. `set`: settings that are not the recipe's own, by name, as
    texts. `search`: trials of other settings before. `tensorboard`: write the course of each training for it, too.
    """

    workdir: Path
    seed: int = 0
    tiny: bool = False
    resume: bool = False
    precision: str = FULL_PRECISION
    devices: int = 1
    nodes: int = 1
    node: int = 0
    source: str | None = None
    languages: str | None = None
    prefix: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    variants: bool = False
    name: str | None = None
    models: Path = Path("models")
    publish_anyway: bool = False
    spent_s: float = 0.0
    set: Mapping[str, str] = field(default_factory=dict)
    search: int = 0
    tensorboard: bool = False

    def chosen(self, usual: Chosen, tiny: Chosen | None = None) -> Chosen:
        """The settings of this run: `usual`, or of a tiny one `tiny`, but what was set. Raises TrainingError."""
        return (tiny if self.tiny and tiny is not None else usual).changed(self.set)


@dataclass(frozen=True, slots=True)
class SettingsSearch(Generic[Data]):
    """`figure` learns with the settings of a run and says how good that is on the validation; `of` names the figure."""

    figure: Callable[[Data, Run], float]
    of: str
    better: Better = "less"


@dataclass(frozen=True, slots=True)
class Recipe(Generic[Data]):
    """The way to make one model: `make` turns what `load` gives into a draft; explanations are judged on `held_out`,
    and what is asked of it later is compared with `sample`.

    Below any figure of `must_reach` (metric name to value) nothing is published; of one's own data nothing that is
    behind the best baseline, other than `may_trail`, in a figure of `must_lead`, of which more or less is better.
    `settings` of its training, and of a `tiny` one, can be set one by one; without, there are none. `search`: by which
    of them is the best on the validation. `takes_source`: it can be made from `Run.source`; `takes_columns`: which of
    `Run.columns` it heeds; `takes_languages`: it heeds `Run.languages` and `Run.prefix`.
    """

    name: str
    task: str
    load: Callable[[Run], Data]
    make: Callable[[Data, Run], Draft]
    must_reach: Mapping[str, float] = field(default_factory=dict)
    must_lead: Mapping[str, Better] = field(default_factory=dict)
    may_trail: Sequence[str] = ()
    settings: TrainingSettings | None = None
    tiny: TrainingSettings | None = None
    search: SettingsSearch[Data] | None = None
    takes_source: bool = False
    takes_columns: Sequence[str] = ()
    takes_languages: bool = False
    held_out: Callable[[Data, Run], HeldOut] | None = None
    sample: Callable[[Data, Run], HeldOut] | None = None


def sampled(items: Sequence[Item], run: Run) -> list[Item]:
    """Return MOST_SAMPLED of the items at most, evenly spread: enough to tell a distribution from."""
    most = TINY_SAMPLE if run.tiny else MOST_SAMPLED
    return [items[number * len(items) // most] for number in range(most)] if len(items) > most else list(items)
