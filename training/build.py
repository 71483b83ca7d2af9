"""A draft becomes a version: judged, answered, explained, carded and published."""

import platform
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from app.errors import InvalidArtifact, InvalidInput
from app.independence.examples import require_independent_rows as prove
from app.repository.cascade import CascadeManifest
from app.repository.manifest import (
    CardFiles,
    Golden,
    Manifest,
    Provenance,
)
from app.repository.publish import publish
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.tasks import task_of
from app.tasks.view import View, predict_json
from app.tensors import Session
from training.card.markdown import MARKDOWN, card_files
from training.card.reference import HEADING as ASKED
from training.card.reference import reference_table
from training.data.own.names import public_name
from training.errors import TrainingError, progress
from training.measures import verdict
from training.measures.deletion import faithfulness
from training.measures.reference import distributions
from training.recipe import FULL_PRECISION, Data, Draft, Recipe, Run
from training.search import HEADING, searched
from training.seeds import seed_generators
from training.threads import threads_as_before

# What a draft says in the words of the manifest; its files are published, and stated with their hashes.
STATED = {field.name for field in fields(Draft)} & Manifest.model_fields.keys() - {"files", "task"}
LIBRARIES = (
    "lightning", "numpy", "onnx", "onnxruntime", "onnxscript", "scikit-learn", "skl2onnx", "tokenizers", "torch",
    "transformers",
)  # fmt: skip


@threads_as_before()
def build(recipe: Recipe[Data], run: Run, models: Path, again: str | None = None) -> Manifest:
    """Make a version and publish it under `models`. Raises TrainingError if it is not good enough.

    `again`: the command that makes it again, if that is not `command`.
    """
    started = time.monotonic()
    seed_generators(run.seed)
    data = recipe.load(run)
    tried = {}
    if run.search:
        run, tried[HEADING] = searched(recipe, data, run)
    draft = recipe.make(data, run)
    draft = replace(draft, sections={**draft.sections, **tried})
    if warning := judge(recipe, draft, run):
        progress(f"WARNING: {warning}")
        draft = replace(draft, warning=warning, limits=[warning, *draft.limits])
    task = draft.task or recipe.task
    steps: dict[str, Any] = {}
    if draft.cascade:
        golden = golden_examples(draft.cascade.answer, draft)
        steps = {"kind": CascadeManifest, "steps": tuple(draft.cascade.steps)}
    else:
        draft, golden = opened(recipe, data, run, task, draft)
    if draft.reference:
        draft = replace(draft, sections={**draft.sections, ASKED: reference_table(draft.reference)})
    provenance = Provenance(
        recipe=recipe.name,
        command=again or command(recipe, run),
        seed=run.seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_s=round(run.spent_s + time.monotonic() - started, 1),
        sources=tuple(draft.sources),
        libraries={"python": platform.python_version(), **_library_versions()},
        settings=run.chosen(recipe.settings, recipe.tiny).model_dump() if recipe.settings else {},
        notes=draft.notes,
    )
    name = run.name or recipe.name
    card = card_files(name, task, draft, provenance, run.workdir)
    return publish(
        models,
        name,
        {**draft.files, **card},
        **steps,
        **{name: getattr(draft, name) for name in STATED},
        task=task,
        inputs=draft.exported.inputs,
        outputs=draft.exported.outputs,
        verification=draft.exported.verification,
        card=CardFiles(pictures=tuple(name for name in card if name != MARKDOWN)),
        provenance=provenance,
        golden=golden,
    )


def opened(recipe: Recipe[Data], data: Data, run: Run, task: str, draft: Draft) -> tuple[Draft, tuple[Golden, ...]]:
    """Return the draft with what is measured of it as it will be served, and its answered examples.

    Raises TrainingError if rows that share a batch would change each other's answers.
    """
    view, sessions = open_draft(task, draft)
    golden = golden_examples(partial(predict_json, view, sessions), draft)
    for variant in (draft, *(replace(draft, **dict(one)) for one in draft.variants.values())):
        require_independent_rows(recipe, variant)
    if recipe.held_out:
        progress("judging the explanations")
        judged = faithfulness(view, sessions, recipe.held_out(data, run))
        draft = replace(draft, metrics=[*draft.metrics, *judged])
    if recipe.sample:
        draft = replace(draft, reference=distributions(view, sessions, recipe.sample(data, run)))
    return draft, golden


def command(recipe: Recipe[Any], run: Run) -> str:
    """Return the command that makes this version again. It names no devices: they change nothing."""
    options = [f"--seed {run.seed}"]
    if run.tiny:
        options.append("--tiny")
    if run.precision != FULL_PRECISION:
        options.append(f"--precision {run.precision}")
    if run.variants:
        options.append("--variants")
    if run.source:
        options.append(f"--source {shlex.quote(public_name(run.source))}")
    for name, value in (*run.columns.items(), ("languages", run.languages), ("prefix", run.prefix)):
        if value is not None:
            options.append(f"--{name} {shlex.quote(value)}")
    options += [f"--set {shlex.quote(f'{name}={value}')}" for name, value in run.set.items()]
    if run.name:
        options.append(f"--name {run.name}")
    if run.publish_anyway:
        options.append("--publish-anyway")
    return " ".join(["python -m training", recipe.name, *options])


def judge(recipe: Recipe[Any], draft: Draft, run: Run) -> str:
    """Return a warning for users of the version; "" if it is good enough.

    Raises TrainingError if it is not, unless it is to be published anyway.
    """
    if draft.has_own_data and recipe.must_reach:
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


def open_view(task: str, draft: Draft) -> View[Any]:
    kind = task_of(task, draft.config)
    return kind.own(kind.open(dict(draft.config), draft.files))


def open_draft(name: str, draft: Draft) -> tuple[View[Any], dict[str, Session]]:
    """Return the view and the sessions that will serve it, by the very runtime."""
    load = RUNTIMES[draft.runtime]
    options = RuntimeOptions(device="cpu", precision=draft.precision)
    return open_view(name, draft), {graph: load(draft.files[file], options) for graph, file in draft.graphs.items()}


def require_independent_rows(recipe: Recipe[Any], draft: Draft) -> None:
    """Raises TrainingError if rows that share a batch would change each other's answers."""
    view, sessions = open_draft(draft.task or recipe.task, draft)
    graphs = {graph: draft.files[file] for graph, file in draft.graphs.items()}
    examples = [(example.input, example.parameters) for example in draft.examples]
    try:
        prove(view, sessions, draft.runtime, graphs, examples, draft.batching.max_batch_size)
    except InvalidArtifact as error:
        raise TrainingError(f"{recipe.name} is not published: {error}") from error


def golden_examples(answer: Callable[[Any, Mapping[str, Any]], Any], draft: Draft) -> tuple[Golden, ...]:
    """Answer the draft's examples, as JSON."""
    golden = []
    for example in draft.examples:
        try:
            output = answer(example.input, example.parameters)
        except InvalidInput as error:
            raise TrainingError(f"an example cannot be asked: {error}") from error
        golden.append(
            Golden(input=example.input, parameters=example.parameters, output=output, tolerance=example.tolerance)
        )
    return tuple(golden)


def _library_versions() -> dict[str, str]:
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
