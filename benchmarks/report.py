"""From results.json to results.md: one table, with medians over the rounds and their range."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.scenarios import NAMES, OURS_ALONE, SCENARIOS, Closed, Open, Scenario
from benchmarks.servers import FAMILIES, SERVERS, Server
from benchmarks.targets import P99, PEERS, TARGETS, Found, Target, best_of, figure_of

Results = dict[str, Any]
RAW_CASES = {"short": "best batch", "mixed": "sorted by length", "photo": "decode and graph"}
PEER_FAMILIES = tuple(family for family in FAMILIES if family != "ours")
HEAD = ("scenario", "raw loop", "ours", "best peer", *PEER_FAMILIES, "ratio", "target", "reached")
NONE = "–"

INTRODUCTION = """\
# Measured

Medians over the rounds, with their range in brackets; ratios are medians of the ratios of each round. Closed loops show
answers a second and the median latency. Where a peer batches, the cell says *with batching / without*. How it was
measured, and what the figures do not say, is in [the method](../../README.md).
"""


def text(results: Results, pictures: Sequence[str] = ()) -> str:
    lines = [INTRODUCTION, *_when_and_where(results), "", row(HEAD), row(["---"] * len(HEAD)), *map(row, rows(results))]
    lines += [
        "",
        *(f"- {server.name}: {server.settings}" for server in SERVERS),
        "",
        *_failures(results),
        *(f"\n![{Path(name).stem}]({name})" for name in pictures),
    ]
    return "\n".join(lines) + "\n"


def row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def rows(results: Results) -> Iterator[tuple[str, ...]]:
    for scenario in SCENARIOS:
        rounds = rounds_of(results, scenario.name)
        if not rounds:
            continue
        for load in scenario.loads:
            yield _row(results, scenario, load, rounds)
    for name, title in OURS_ALONE.items():
        if rounds := rounds_of(results, name):
            case = next(target.case for target in TARGETS if target.scenario == name)
            measured = [found for found in rounds if case in found["ours"]]
            own = "failed" if not measured else _startup(measured) if name == "startup" else _soak(measured)
            yield (title, NONE, own, *[NONE] * (1 + len(PEER_FAMILIES)), *_judged(results, name, case))


def rounds_of(results: Results, name: str) -> list[Found]:
    """With the figures that are computed from measured ones."""
    rounds: list[Found] = results.get(name, {}).get("rounds", [])
    for found in rounds:
        if start := found.get("ours", {}).get("start"):
            start["beyond_weights_mb"] = start["rss_mb"] - start["weights_mb"]
        if soak := found.get("ours", {}).get("soak"):
            soak["growth_size"] = abs(soak["growth"])
    return rounds


def _row(results: Results, scenario: Scenario, load: Closed | Open, rounds: Sequence[Found]) -> tuple[str, ...]:
    if isinstance(load, Closed):
        cell, figure, alike = _closed, "throughput", _other_forms(scenario, load)
    elif scenario.deadline_ms is None:
        cell, figure, alike = _latency, "p99_ms", tuple(P99["their_cases"])
    else:
        cell, figure, alike = _goodput, "goodput", (load.case,)
    peers = (
        [cell(rounds, server.name, load.case) for server in SERVERS if server.family == family and _has(rounds, server)]
        for family in PEER_FAMILIES
    )
    return (
        f"{scenario.title}: {load.case}",
        _raw(rounds, scenario.raw) if scenario.raw else NONE,
        cell(rounds, "ours", load.case),
        _best_peer(rounds, alike, figure, P99["best_by"] if cell is _latency else ""),
        *(" / ".join(cells) if set(cells) - {NONE} else NONE for cells in peers),
        *_judged(results, scenario.name, load.case),
    )


def _other_forms(scenario: Scenario, load: Closed) -> tuple[str, ...]:
    """Cases of as many connections: a photo may come in any form."""
    return tuple(
        other.case for other in scenario.loads if isinstance(other, Closed) and other.connections == load.connections
    )


def _has(rounds: Sequence[Found], server: Server) -> bool:
    return any(server.name in found for found in rounds)


def _raw(rounds: Sequence[Found], name: str) -> str:
    case = RAW_CASES[name]
    values = [value for found in rounds if (value := figure_of(found, "raw", case, "throughput")) is not None]
    sizes = {found["raw"][case].get("batch_size") for found in rounds if "raw" in found} - {None}
    batch = f", batch {'/'.join(map(str, sorted(sizes)))}" if sizes else ""
    return f"{spread(values)} ({case}{batch})" if values else NONE


def _closed(rounds: Sequence[Found], server: str, case: str) -> str:
    values = [value for found in rounds if (value := figure_of(found, server, case, "throughput")) is not None]
    if not values:
        return "failed" if any("failed" in found.get(server, {}) for found in rounds) else NONE
    p50 = median(found[server][case]["p50_ms"] for found in rounds if case in found.get(server, {}))
    errors = sum(found[server][case]["errors"] for found in rounds if case in found.get(server, {}))
    return f"{spread(values)}, p50 {number(p50)} ms" + (f", {errors} errors" if errors else "")


def _latency(rounds: Sequence[Found], server: str, case: str) -> str:
    measured = [found[server][case] for found in rounds if case in found.get(server, {})]
    values = [one["p99_ms"] for one in measured if one["p99_ms"] is not None]
    if not values:
        return NONE
    return f"p99 {spread(values)} ms at {median(one['offered'] for one in measured):.0f}/s"


def _goodput(rounds: Sequence[Found], server: str, case: str) -> str:
    measured = [found[server][case] for found in rounds if case in found.get(server, {})]
    if not measured:
        return NONE
    share = median(one["goodput_share"] for one in measured)
    late = sum(one["late"] + one["unanswered"] for one in measured)
    slowest = [one["refusal_max_ms"] for one in measured if one["refusal_max_ms"] is not None]
    refusals = f", slowest refusal {median(slowest):.0f} ms" if slowest else ""
    return f"{share:.2f} of {median(one['saturation'] for one in measured):.0f}/s{refusals}, {late} late"


def _best_peer(rounds: Sequence[Found], cases: Sequence[str], figure: str, by: str) -> str:
    best = [one for found in rounds if (one := best_of(found, PEERS, cases, figure, by))]
    if not best:
        return NONE
    names = [name for name, _ in best]
    return f"{max(names, key=names.count)} {spread([value for _, value in best])}"


def _startup(rounds: Sequence[Found]) -> str:
    starts = [found["ours"]["start"] for found in rounds]
    names = {
        "first_model_s": "first model {} s",
        "ready_s": "all {} s",
        "rss_mb": "{} MB",
        "weights_mb": "weights {} MB",
    }
    return ", ".join(words.format(spread([one[name] for one in starts])) for name, words in names.items())


def _soak(rounds: Sequence[Found]) -> str:
    one = rounds[0]["ours"]["soak"]
    others = one["requests"] - one["good"]
    return f"{one['requests']:,} requests at {one['offered']:.0f}/s, {others} without 200, memory {one['growth']:+.1%}"


def _judged(results: Results, scenario: str, case: str) -> tuple[str, str, str]:
    judged = [
        (target, values(results, target)) for target in TARGETS if (target.scenario, target.case) == (scenario, case)
    ]
    judged = [(target, found) for target, found in judged if found]
    if not judged:
        return NONE, NONE, NONE
    reached = [target.is_reached(median(found)) for target, found in judged]
    return (
        "<br>".join(spread(found) for _, found in judged),
        "<br>".join(target.says for target, _ in judged),
        "<br>".join("yes" if one else "**no**" for one in reached),
    )


def values(results: Results, target: Target) -> list[float]:
    """Return the figures that `target` is about, for each round in which they were measured."""
    ours = rounds_of(results, target.scenario)
    theirs = rounds_of(results, target.their_scenario or target.scenario)
    found = (target.in_round(*pair) for pair in zip(ours, theirs, strict=False))
    return [value for value in found if value is not None]


def spread(values: Sequence[float]) -> str:
    """The median, and the range where there is one."""
    middle = number(median(values))
    return middle if len(values) == 1 else f"{middle} [{number(min(values))}–{number(max(values))}]"


def number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def machine_line(machine: dict[str, Any]) -> str:
    said = ("cpu", "instructions", "cores")
    versions = ", ".join(f"{name} {value}" for name, value in machine.items() if name not in said)
    return f"{machine['cpu']}, {machine['instructions']}, {machine['cores']} cores; {versions}"


def _when_and_where(results: Results) -> Iterator[str]:
    by_machine: dict[str, list[str]] = {}
    for name, found in results.items():
        how = f"{found['seconds']:g} s a load" if "seconds" in found else f"{found['rate']:g} requests a second"
        words = f"{name} ({found['measured'][:16].replace('T', ' ')} UTC, {len(found['rounds'])} rounds, {how})"
        by_machine.setdefault(machine_line(found["machine"]), []).append(words)
    for line, names in by_machine.items():
        yield f"**{line}**: {'; '.join(names)}."


def _failures(results: Results) -> Iterator[str]:
    """Who could not be measured, and why: nobody is left out silently."""
    for name in NAMES:
        for found in rounds_of(results, name):
            for server, cases in found.items():
                if "failed" in cases:
                    yield f"- {name}: {server} failed: {cases['failed']}"
