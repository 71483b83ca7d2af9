"""What a recipe is, and the way from its draft to a published version."""

import platform
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from app.errors import InvalidArtifact
from app.independence.examples import require_independent_rows as prove
from app.repository.manifest import (
    Batching,
    CardFiles,
    Golden,
    Manifest,
    Metric,
    Provenance,
    Source,
    Variant,
    Verification,
)
from app.repository.publish import publish
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.tasks import TASKS
from app.tasks.base import Task, predict_json
from app.tensors import Session, TensorSpec
from training import verdict
from training.card import MARKDOWN, card_files
from training.faithfulness.deletion import HeldOut, faithfulness
from training.names import public_name
from training.seeds import seed_generators
from training.verdict import Better

FULL_PRECISION = "32-true"
LIBRARIES = ("lightning", "numpy", "onnx", "onnxruntime", "onnxscript", "tokenizers", "torch", "transformers")


class TrainingError(Exception):
    """Why nothing was published, in one sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Example:
    """A real request whose answer becomes a golden example of the version."""

    input: Any
    parameters: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-4


@dataclass(frozen=True, slots=True)
class Draft:
    """All that a recipe knows of the version it made. `files` maps artifact names to where they lie now.

    For the card: `pictures` maps captions to PNG files, `sections` headings to Markdown, and it begins with `warning`.
    `has_own_data`: made and measured with other data than the recipe's own, so that what the recipe must reach says
    nothing of it.
    """

    description: str
    licence: str
    files: Mapping[str, Path]
    graphs: Mapping[str, str]
    config: Mapping[str, Any]
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    metrics: Sequence[Metric]
    sources: Sequence[Source]
    examples: Sequence[Example]
    runtime: str = "onnx"
    precision: str = "fp32"
    batching: Batching = field(default_factory=Batching)
    limits: Sequence[str] = ()
    notes: str = ""
    variants: Mapping[str, Variant] = field(default_factory=dict)
    verification: Verification | None = None
    pictures: Mapping[str, Path] = field(default_factory=dict)
    sections: Mapping[str, str] = field(default_factory=dict)
    has_own_data: bool = False
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a recipe.

    `workdir`: where it may write, kept until the next fresh start. `tiny`: only tried, on a tiny slice. `resume`: go on
    where an interrupted run in `workdir` stopped. `precision`, `devices` (per node) and `nodes` are Lightning's; of
    several nodes each has its rank as `node` and a `workdir` of its own, beside those of the others.
    `source`: a hub id or a local folder instead of the packaged data or weights. `variants`: publish the recipe's other
    precisions too. `name`: what the model is called, if not as its recipe. `models`: the repository, in which a recipe
    finds other models that it needs. `publish_anyway`: even if it is not good enough. `spent_s`: seconds that earlier
    processes of a resumed run took.
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
    variants: bool = False
    name: str | None = None
    models: Path = Path("models")
    publish_anyway: bool = False
    spent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one model is made. Below any figure of `must_reach` (metric name to value) nothing is published; of one's own
    data nothing that is behind the best baseline, other than `may_trail`, in a figure of `must_lead`, of which more or
    less is better.

    `takes_source`: it can be made from `Run.source`. `held_out`: inputs on which its explanations are judged.
    """

    name: str
    task: str
    make: Callable[[Run], Draft]
    must_reach: Mapping[str, float] = field(default_factory=dict)
    must_lead: Mapping[str, Better] = field(default_factory=dict)
    may_trail: Sequence[str] = ()
    takes_source: bool = False
    held_out: Callable[[Run], HeldOut] | None = None


def build(recipe: Recipe, run: Run, models: Path) -> Manifest:
    """Make a version and publish it under `models`. Raises TrainingError if it is not good enough."""
    started = time.monotonic()
    seed_generators(run.seed)
    draft = recipe.make(run)
    if warning := judge(recipe, draft, run):
        progress(f"WARNING: {warning}")
        draft = replace(draft, warning=warning, limits=[warning, *draft.limits])
    task, sessions = open_draft(recipe.task, draft)
    golden = golden_examples(task, sessions, draft)
    for variant in (draft, *(replace(draft, **dict(one)) for one in draft.variants.values())):
        require_independent_rows(recipe, variant)
    if recipe.held_out:
        progress("judging the explanations")
        judged = faithfulness(task, sessions, recipe.held_out(run))
        draft = replace(draft, metrics=[*draft.metrics, *judged])
    provenance = Provenance(
        recipe=recipe.name,
        command=command(recipe, run),
        seed=run.seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_s=round(run.spent_s + time.monotonic() - started, 1),
        sources=tuple(draft.sources),
        libraries={"python": platform.python_version(), **_library_versions()},
        notes=draft.notes,
    )
    name = run.name or recipe.name
    card = card_files(name, recipe.task, draft, provenance, run.workdir)
    return publish(
        models,
        name,
        {**draft.files, **card},
        task=recipe.task,
        description=draft.description,
        licence=draft.licence,
        runtime=draft.runtime,
        precision=draft.precision,
        graphs=dict(draft.graphs),
        variants=dict(draft.variants),
        inputs=tuple(draft.inputs),
        outputs=tuple(draft.outputs),
        config=dict(draft.config),
        batching=draft.batching,
        metrics=tuple(draft.metrics),
        limits=tuple(draft.limits),
        verification=draft.verification,
        card=CardFiles(pictures=tuple(name for name in card if name != MARKDOWN)),
        provenance=provenance,
        golden=golden,
    )


def command(recipe: Recipe, run: Run) -> str:
    """What makes this version again. How many devices made it changes nothing."""
    options = [f"--seed {run.seed}"]
    if run.tiny:
        options.append("--tiny")
    if run.precision != FULL_PRECISION:
        options.append(f"--precision {run.precision}")
    if run.variants:
        options.append("--variants")
    if run.source:
        options.append(f"--source {shlex.quote(public_name(run.source))}")
    if run.name:
        options.append(f"--name {run.name}")
    if run.publish_anyway:
        options.append("--publish-anyway")
    return " ".join(["python -m training", recipe.name, *options])


def judge(recipe: Recipe, draft: Draft, run: Run) -> str:
    """What whoever uses the version must be warned of; nothing if it is good enough.

    Raises TrainingError if it is not, unless it is to be published anyway.
    """
    if draft.has_own_data:
        progress(f"what {recipe.name} must reach is meant for its packaged data, and not asked of {run.source}")
    if run.tiny:
        return verdict.TINY
    if draft.has_own_data:
        if not verdict.is_compared(draft.metrics, recipe.must_lead):
            return verdict.NOT_COMPARED
        found = verdict.behind(draft.metrics, recipe.must_lead, recipe.may_trail)
        is_level = verdict.level(draft.metrics, recipe.must_lead, recipe.may_trail)
    else:
        found, is_level = verdict.short_of(draft.metrics, recipe.must_reach), []
    if found and not run.publish_anyway:
        raise TrainingError(
            f"{run.name or recipe.name} is not published: {'; '.join(found)}; "
            "--resume --publish-anyway publishes it, and its card says so"
        )
    if found:
        return f"It is not good enough, and was published anyway: {'; '.join(found)}."
    return f"It is no better than a simpler way: {'; '.join(is_level)}." if is_level else ""


def load_task(task: str, draft: Draft) -> Task:
    kind = TASKS[task]
    return kind(kind.Config.model_validate(dict(draft.config)), draft.files)


def open_draft(name: str, draft: Draft) -> tuple[Task, dict[str, Session]]:
    """The very task and runtime that will serve it."""
    load = RUNTIMES[draft.runtime]
    options = RuntimeOptions(device="cpu", precision=draft.precision)
    return load_task(name, draft), {graph: load(draft.files[file], options) for graph, file in draft.graphs.items()}


def require_independent_rows(recipe: Recipe, draft: Draft) -> None:
    """Raises TrainingError if rows that share a batch would change each other's answers."""
    task, sessions = open_draft(recipe.task, draft)
    graphs = {graph: draft.files[file] for graph, file in draft.graphs.items()}
    examples = [(example.input, example.parameters) for example in draft.examples]
    try:
        prove(task, sessions, draft.runtime, graphs, examples, draft.batching.max_batch_size)
    except InvalidArtifact as error:
        raise TrainingError(f"{recipe.name} is not published: {error}") from error


def golden_examples(task: Task, sessions: Mapping[str, Session], draft: Draft) -> tuple[Golden, ...]:
    """Answer the draft's examples."""
    golden = []
    for example in draft.examples:
        output = predict_json(task, sessions, example.input, example.parameters)
        golden.append(
            Golden(input=example.input, parameters=example.parameters, output=output, tolerance=example.tolerance)
        )
    return tuple(golden)


def first_line(error: Exception) -> str:
    """Of what other libraries say in many."""
    return str(error).strip().partition("\n")[0]


def progress(message: str) -> None:
    """One line for the person who waits."""
    print(message, file=sys.stderr, flush=True)


def say(remarks: Sequence[str]) -> str:
    """Tell each remark to the person who waits, and return them as one paragraph for the card."""
    for remark in remarks:
        progress(remark)
    return " ".join(remarks)


def _library_versions() -> dict[str, str]:
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
