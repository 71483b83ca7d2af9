"""The table of what was measured, and of what was not and why."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.on_gpu.cells import FAILED, MISSING, Cell
from benchmarks.on_gpu.marked_tests import TECHNIQUE
from benchmarks.on_gpu.part import COMPILED, PRECISIONS

Found = Mapping[str, Any]
NOT_DONE = "not done: the time was up before"
HEAD = (
    "| | batch | precision | ms | rows/s | × raw loop, fp32 | × torch.compile | largest difference |\n"
    "|---|---|---|---|---|---|---|---|"
)


def text(parts: Mapping[str, Found]) -> str:
    """Of the files of parts, by name."""
    lines = ["# On a card", ""]
    for name, content in parts.items():
        lines += [f"## {name}", "", machine_line(content), ""]
        lines += _tests(content) if name == "tests" else _figures(content)
        lines += _left(content)
    return "\n".join(lines).rstrip() + "\n"


def machine_line(content: Found) -> str:
    machine = content["machine"]
    dates = sorted(cell["at"][:16] for cell in content["cells"].values() if "at" in cell)
    known = ("driver", "cuda", "torch", "onnxruntime", "onnxruntime-gpu", "python")
    versions = ", ".join(f"{name} {machine[name]}" for name in known if machine.get(name))
    when = f"; {dates[0]} to {dates[-1]} UTC" if dates else ""
    warning = ""
    if machine["provider"] != "cuda":
        warning = " **A trial without a card: these figures say nothing of one.**"
    if machine["tiny"]:
        warning += " **Tiny sizes.**"
    return f"{machine['device']} ({versions}){when}.{warning}"


def _figures(content: Found) -> list[str]:
    cells = {Cell.of(key): found for key, found in content["cells"].items()}
    measured = {cell: found for cell, found in cells.items() if "ms" in found}
    lines: list[str] = []
    for shape in dict.fromkeys(cell.shape for cell in measured):
        lines += [f"### {shape}", "", HEAD]
        for cell in sorted((one for one in measured if one.shape == shape), key=_order):
            lines.append(_row(cell, measured))
        lines.append("")
    return lines


def _order(cell: Cell) -> tuple[int, int, str]:
    return cell.batch, PRECISIONS.index(cell.precision), cell.technique


def _row(cell: Cell, measured: Mapping[Cell, Found]) -> str:
    found = measured[cell]
    low, high = found["ms_range"]
    share = found.get("share")
    difference = f"{found['difference']:.2g}" if isinstance(found["difference"], float) else str(found["difference"])
    if share is not None:
        difference += f" ({share:.1%})"
    if "wrong" in found:  # what is wrong has no speed
        columns = ["–", "–", "–", "–", f"**WRONG: {found['wrong']}**"]
    else:
        columns = [
            f"{found['ms']:.3g} ({low:.3g}-{high:.3g})",
            f"{found['rows_per_s']:,.0f}",
            "{:.2f} ({:.2f}-{:.2f})".format(found["of_raw"], *found["of_raw_range"]),
            _of_compiled(cell, measured),
            difference,
        ]
    return f"| {cell.technique} | {cell.batch} | {cell.precision} | " + " | ".join(columns) + " |"


def _of_compiled(cell: Cell, measured: Mapping[Cell, Found]) -> str:
    """Both as ratios to the raw loop of their own run, so that they need not be of one run."""
    compiled = measured.get(Cell(cell.shape, cell.precision, cell.batch, COMPILED))
    if compiled is None or "wrong" in compiled:
        return "–"
    return f"{measured[cell]['of_raw'] / compiled['of_raw']:.2f}"


def _tests(content: Found) -> list[str]:
    names = [Cell.of(key).shape for key, found in content["cells"].items() if "passed" in found]
    return [f"Passed: {len(names)}." + (f" {', '.join(f'`{name}`' for name in names)}" if names else ""), ""]


def _left(content: Found) -> list[str]:
    """All that has no figures, and why: each reason once, with the cells that it holds for."""
    reasons: dict[str, list[Cell]] = defaultdict(list)
    for key in dict.fromkeys([*content["planned"], *content["cells"]]):
        found = content["cells"].get(key, {})
        if FAILED in found:
            reasons[f"**failed**: {found[FAILED]}"].append(Cell.of(key))
        elif MISSING in found:
            reasons[found[MISSING]].append(Cell.of(key))
        elif not found:
            reasons[NOT_DONE].append(Cell.of(key))
    if not reasons:
        return []
    lines = [f"- {reason}: {'; '.join(_gathered(cells))}" for reason, cells in reasons.items()]
    return ["Without figures:", "", *lines, ""]


def _gathered(cells: Sequence[Cell]) -> list[str]:
    """Few words for many cells: what has the same batches, then the same precisions, is said once."""
    if all(cell.technique == TECHNIQUE for cell in cells):
        return [f"`{cell.shape}`" for cell in cells]
    batches: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for cell in cells:
        batches[cell.shape, cell.technique, cell.precision].append(cell.batch)
    precisions: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for (shape, technique, precision), sizes in batches.items():
        precisions[shape, " ".join(map(str, sorted(sizes))), technique].append(precision)
    techniques: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for (shape, sizes_in_words, technique), names in precisions.items():
        techniques[shape, sizes_in_words, " ".join(names)].append(f"`{technique}`")
    return [
        f"{', '.join(names)} ({precision}; {shape}; batch {sizes_in_words})"
        for (shape, sizes_in_words, precision), names in techniques.items()
    ]
