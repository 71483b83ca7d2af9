"""From generation.json to generation.md: ratios side by side, each of figures of one round."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.generation.scenarios import SCENARIOS
from benchmarks.generation.servers import SERVERS
from benchmarks.generation.targets import TARGETS, Round

Runs = Sequence[Mapping[str, Any]]
"""One of each command. Runs may have other servers and machines: no figure of one is divided by another's."""
NONE = "–"
SHOWN = {
    "alone": ("tokens_s", "ttft_p50_ms", "tpot_p50_ms", "itl_p99_ms"),
    "even": ("tokens_s", "ttft_p50_ms", "ttft_p95_ms", "tpot_p50_ms", "itl_p99_ms"),
    "mixed": ("tokens_s", "ttft_p50_ms", "ttft_p95_ms", "tpot_p50_ms", "itl_p99_ms"),
    "arrival": ("itl_p50_before_ms", "itl_p50_ms", "itl_p99_ms", "itl_max_ms", "ttft_ms"),
    "prefix": ("cold_ms", "warm_ms", "warm_share"),
    "hangups": ("others_tokens_s", "others_ratio", "slot_free_ms"),
    "overload": ("saturation_s", "goodput_share", "ttft_p95_ms", "refused", "refusal_p99_ms", "failed"),
    "beside": ("alone_p50_ms", "alone_p99_ms", "beside_p50_ms", "beside_p99_ms", "p99_ratio"),
    "soak": ("requests", "tokens_s", "growth", "failed", "weights_mb"),
}
# What is compared in each table; else the first figure.
COMPARED = {"arrival": "itl_p99_ms", "prefix": "warm_ms"}
TITLES = {scenario.name: scenario.title for scenario in SCENARIOS} | {"soak": "many short answers, memory"}


def text(runs: Runs) -> str:
    """The report as Markdown."""
    lines = ["# Text that is written, beside others", "", *_trial(runs), *_when_and_where(runs), ""]
    lines += ["## Figures to reach", "", *_targets(runs)]
    for name, title in TITLES.items():
        if rounds := _rounds(runs, name):
            lines += ["", f"## {title}", "", *_table(name, rounds)]
    lines += ["", "## Settings", "", *(f"- {server.name}: {server.settings}" for server in SERVERS)]
    lines += [f"- not measured: {name}: {why}" for name, why in sorted(_missing(runs).items())]
    return "\n".join(lines) + "\n"


def _trial(runs: Runs) -> Iterator[str]:
    if any(run["size"] < 1 or run["is_disturbed"] for run in runs):
        yield "**A trial**: with fewer requests than a measurement has, or beside other work. These are no results."
        yield ""


def _when_and_where(runs: Runs) -> Iterator[str]:
    yield "Each of these measures its part again; `--add` keeps the others. Every ratio is of figures of one round."
    yield ""
    for run in runs:
        rounds, machine = max(map(len, run["rounds"].values()), default=0), run["machine"]
        versions = ", ".join(f"{key} {value}" for key, value in machine.items() if key not in ("cpu", "cores"))
        where = f"{machine['cores']} cores of {machine['cpu']}"
        yield f"- `{run['command']}`: {run['measured']}, {rounds} round{'s' * (rounds > 1)}, {where}; {versions}"


def _targets(runs: Runs) -> Iterator[str]:
    yield from _rows(["scenario", "figure", "beside", "to reach", "measured", "reached"], _judged(runs))


def _judged(runs: Runs) -> Iterator[list[str]]:
    for target in TARGETS:
        rounds = _rounds(runs, target.scenario)
        values = [value for found in rounds if (value := target.in_round(found)) is not None]
        beside = " or ".join(target.others) or NONE
        bound = f"{'at least' if target.is_least else 'at most'} {target.bound:g}"
        reached = NONE if not values else "yes" if target.is_reached(median(values)) else "no"
        yield [TITLES[target.scenario], target.figure, beside, bound, _spread(values), reached]


def _rounds(runs: Runs, name: str) -> list[Round]:
    return [found for run in runs for found in run["rounds"].get(name, ())]


def _table(name: str, rounds: Sequence[Round]) -> Iterator[str]:
    """Each server's figures, and ours over theirs."""
    figures = SHOWN[name]
    servers = [server.name for server in SERVERS if any(server.name in found for found in rounds)]
    compared = COMPARED.get(name, figures[0])
    lines = []
    for server in servers:
        cells = [_spread(_values(rounds, server, figure)) for figure in figures]
        ratios = [
            own / theirs
            for found in rounds
            if (own := found.get("ours", {}).get(compared)) and (theirs := found.get(server, {}).get(compared))
        ]
        lines.append([server, *cells, NONE if server == "ours" else _spread(ratios)])
    yield from _rows(["", *figures, f"{compared}: ours over this"], lines)


def _values(rounds: Sequence[Round], server: str, figure: str) -> list[float]:
    return [value for found in rounds if (value := found.get(server, {}).get(figure)) is not None]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return NONE
    middle = f"{median(values):.3g}" if abs(median(values)) < 1000 else f"{median(values):,.0f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.3g}-{max(values):.3g})"


def _rows(head: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *lines):
        yield f"| {' | '.join(cells)} |"


def _missing(runs: Runs) -> dict[str, str]:
    """Why servers could not be measured, by their names."""
    rounds = [found for name in TITLES for found in _rounds(runs, name)]
    return {name: figures["failed_to"] for found in rounds for name, figures in found.items() if "failed_to" in figures}
