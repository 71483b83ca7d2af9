"""The proof for a model with a task of its own: its rows are those of real requests."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from app.errors import InvalidArtifact
from app.independence.proof import why_dependent
from app.independence.together import Untried
from app.independence.trial import COUNT
from app.runtimes import PROGRAMS
from app.runtimes.program import Program
from app.tasks.view import View
from app.tensors import Session, Tensors

MOST_ROWS = 8  # of the examples: each is computed in batches of every size


def require_independent_rows(
    view: View[Any],
    sessions: Mapping[str, Session],
    runtime: str,
    graphs: Mapping[str, Path],
    examples: Iterable[tuple[Any, Mapping[str, Any]]],
    largest: int,
) -> None:
    """Refuse a model whose rows influence each other in batches of up to `largest`; raises InvalidArtifact.

    `graphs` are the files of `sessions`. `examples` are requests, each an input and parameters as JSON values. Of
    answers that are written step by step nothing is said: their rows share no run of the kernel.
    """
    if largest == 1 or view.kernel.steps:
        return
    programs = {graph: PROGRAMS[runtime](path) for graph, path in graphs.items()}
    if fault := why_rows_depend(view, sessions, programs, examples, largest):
        raise InvalidArtifact(f"rows influence each other, and would share batches of up to {largest}: {fault}")


def why_rows_depend(
    view: View[Any],
    sessions: Mapping[str, Session],
    programs: Mapping[str, Program],
    examples: Iterable[tuple[Any, Mapping[str, Any]]],
    largest: int,
) -> str:
    """Return in words how rows of `examples` influence each other in batches of up to `largest`, "" if they do not."""
    rows = _rows(view, examples)
    if not rows:
        return ""
    try:
        return why_dependent(view.kernel, sessions, programs, [rows], largest) or ""
    except Untried as error:
        return f"a row cannot be answered alone: {error}"


def _rows(view: View[Any], examples: Iterable[tuple[Any, Mapping[str, Any]]]) -> list[Tensors]:
    """At least COUNT rows that may share a batch, or none if the examples make none."""
    groups: dict[Hashable, list[Tensors]] = defaultdict(list)
    for item, parameters in examples:
        prepared = view.preprocess(
            view.contract.Input.model_validate(item), view.contract.Parameters.model_validate(parameters)
        )
        for row in prepared.rows:
            groups[view.kernel.group(row)].append(row)
    rows = max(groups.values(), key=len, default=[])[:MOST_ROWS]
    return list(islice(cycle(rows), max(COUNT, len(rows)))) if rows else []
