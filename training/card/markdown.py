"""The card of a version: what it is, how good beside what, from which data, and how to make it again, as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from app.repository.manifest import Metric, Provenance, Source, Verification
from training.recipe import Draft

MARKDOWN = "card.md"
FOLDER = "card"


def card_files(name: str, task: str, draft: Draft, provenance: Provenance, folder: Path) -> dict[str, Path]:
    """Write the card into `folder`; the artifacts that it adds to the version, by name, the Markdown first."""
    plots = {f"{FOLDER}/{path.name}": path for path in draft.plots.values()}
    text = render(name, task, draft, provenance)
    (folder / MARKDOWN).write_text(text, encoding="utf-8")
    return {MARKDOWN: folder / MARKDOWN, **plots}


def render(name: str, task: str, draft: Draft, provenance: Provenance) -> str:
    parts = [
        f"# {name}",
        f"> **Warning.** {draft.warning}" if draft.warning else "",
        draft.description,
        table(
            ("task", "runtime", "precision", "variants", "licence"),
            [(task, draft.runtime, draft.precision, ", ".join(draft.variants) or "none", draft.licence)],
        ),
        _section("Quality", "\n\n".join(quality(draft.metrics))),
        *(f"![{caption}]({FOLDER}/{path.name})\n\n*{caption}*" for caption, path in draft.plots.items()),
        *(_section(heading, text) for heading, text in draft.sections.items()),
        _section("Limits", "\n".join(f"- {limit}" for limit in draft.limits)),
        _section("Data and weights", _sources(draft.sources)),
        _section("Export", _verification(draft.exported.verification, draft.made_with)),
        _section("How to make it again", _provenance(provenance)),
        _section("Notes", draft.notes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def quality(metrics: Sequence[Metric]) -> Iterable[str]:
    """A table for each run of metrics that were measured on one split beside the same baselines."""
    for (split, baselines), group in groupby(metrics, lambda metric: (metric.split, tuple(metric.baselines))):
        rows = [
            (one.name, one.dataset, f"**{figure(one.value)}**", *(figure(one.baselines[name]) for name in baselines))
            for one in group
        ]
        yield f"Split: {split}.\n\n" + table(("metric", "data", "this model", *baselines), rows)


def figure(value: float) -> str:
    return f"{value:.4g}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", r"\|").split())


def _section(heading: str, text: str) -> str:
    return f"## {heading}\n\n{text}" if text else ""


def _sources(sources: Sequence[Source]) -> str:
    rows = [(one.name, one.version, one.licence, one.used_for, one.sha256[:12]) for one in sources]
    return table(("name", "version", "licence", "used for", "sha256"), rows) if rows else ""


def _verification(found: Verification | None, made_with: str) -> str:
    if found is None:
        return ""
    return (
        f"Over {found.inputs} real inputs the exported graph differs from {made_with} by at most {found.batch_1:.1e}, "
        f"one input at a time, and by at most {found.batch_n:.1e} in a batch of {found.n}."
    )


def _provenance(made: Provenance) -> str:
    libraries: Mapping[str, str] = made.libraries
    return (
        f"```sh\n{made.command}\n```\n\nMade on {made.created[:10]} in {made.duration_s:.0f} s, with "
        + ", ".join(f"{name} {number}" for name, number in libraries.items())
        + "."
        + (
            f" Settings: {', '.join(f'{name} {value}' for name, value in made.settings.items())}."
            if made.settings
            else ""
        )
    )
