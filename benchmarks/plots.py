"""Pictures of results.json."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.scenarios import DEADLINE_MS, SCENARIOS, Open
from benchmarks.servers import SERVERS
from benchmarks.targets import figure_of

BARS = {"short": "c=64", "mixed": "c=64", "mixed-served": "c=64", "photo": "c=16", "photo-served": "c=16"}
FORMS = ("", "raw ", "multipart ")
OURS_COLOUR, PEER_COLOURS = "#c2410c", plt.get_cmap("tab10")


def draw(results: dict[str, Any], folder: Path) -> list[str]:
    """Draw what there is data for; the names of the files."""
    plt.rcParams.update(
        {"font.size": 9, "svg.hashsalt": "benchmarks", "axes.spines.top": False, "axes.spines.right": False}
    )
    drawn = []
    pictures: dict[str, tuple[set[str], Callable[[dict[str, Any]], None]]] = {
        "throughput.svg": (set(BARS), _throughput),
        "overload.svg": ({"overload"}, _overload),
        "memory.svg": ({"soak"}, _memory),
    }
    for name, (needed, paint) in pictures.items():
        if needed & set(results):
            paint(results)
            plt.savefig(folder / name, metadata={"Date": None})
            plt.close()
            drawn.append(name)
    return drawn


def _throughput(results: dict[str, Any]) -> None:
    shown = [name for name in BARS if name in results]
    _, panels = plt.subplots(1, len(shown), figsize=(3 * len(shown), 3.6), squeeze=False, layout="constrained")
    for panel, name in zip(panels[0], shown, strict=True):
        rates = {server.name: _best_rate(results, name, server.name) for server in SERVERS}
        rates = {server: rate for server, rate in rates.items() if rate is not None}
        bars = panel.barh(list(rates), list(rates.values()), color=[_colour(server) for server in rates])
        panel.bar_label(bars, fmt="%.0f", padding=2)
        panel.margins(x=0.15)
        panel.set_title(f"{name}, {BARS[name]}")
        panel.set_xlabel("answers a second")


def _best_rate(results: dict[str, Any], name: str, server: str) -> float | None:
    """The median over the rounds, of whichever form of photo is faster."""
    by_form = []
    for form in FORMS:
        rates = [figure_of(found, server, form + BARS[name], "throughput") for found in results[name]["rounds"]]
        if present := [rate for rate in rates if rate is not None]:
            by_form.append(median(present))
    return max(by_form, default=None)


def _overload(results: dict[str, Any]) -> None:
    _, (latency, goodput) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    loads = [load for scenario in SCENARIOS if scenario.name == "overload" for load in scenario.loads]
    for server in SERVERS:
        _line(latency, results, loads, server.name, "p99_ms")
        _line(goodput, results, loads, server.name, "goodput_share")
    latency.axhline(DEADLINE_MS, color="grey", linestyle=":", label="deadline")
    latency.set(yscale="log", xlabel="load as share of saturation", ylabel="p99 of accepted requests, ms")
    goodput.set(xlabel="load as share of saturation", ylabel="in time, as share of saturation", ylim=0)
    latency.legend(frameon=False)


def _line(panel: Axes, results: dict[str, Any], loads: list[Any], server: str, figure: str) -> None:
    points = []
    for load in loads:
        assert isinstance(load, Open)
        values = [figure_of(found, server, load.case, figure) for found in results["overload"]["rounds"]]
        if present := [value for value in values if value is not None]:
            points.append((load.share, median(present)))
    if points:
        panel.plot(*zip(*points, strict=True), marker="o", label=server, color=_colour(server))


def _memory(results: dict[str, Any]) -> None:
    _, panel = plt.subplots(figsize=(7, 3), layout="constrained")
    samples = results["soak"]["rounds"][0]["ours"]["soak"]["samples"]
    panel.plot(*zip(*samples, strict=True), color=OURS_COLOUR)
    panel.set(xlabel="requests", ylabel="memory of the service, MB", ylim=0)


def _colour(server: str) -> Any:
    return OURS_COLOUR if server == "ours" else PEER_COLOURS([one.name for one in SERVERS].index(server))
