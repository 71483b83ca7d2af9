"""The card of a photo classifier: two sizes side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.card.markdown import table
from training.card.plots import agreement_plot, grouped_bars, image_grid
from training.data.photos import scikit_photos, squares
from training.graphs.photo_classifier import Graphs, Size
from training.measures.agreement import GraphAnswers, probabilities, same_best
from training.measures.intervals import share_interval
from training.measures.speed import BATCHES, Times, megabytes


def sureness(mine: GraphAnswers) -> str:
    """Markdown: the share of photos with the same best class, with its interval."""
    right, total = int(same_best(mine.served, mine.fp32).sum()), len(mine.fp32)
    low, high = share_interval(right, total)
    return (
        f"The best class is the same on {right} of {total} photos: of all photos like these on a share between "
        f"{low:.3f} and {high:.3f}, at 95 % (Wilson)."
    )


def comparison(graphs: Sequence[Graphs], answers: Sequence[GraphAnswers], times: Times) -> str:
    """Both sizes in one table, for those who have to choose."""
    rows = [
        (
            f"{each.size.title} in {precision}",
            f"{each.size.side} px",
            f"{megabytes(path)} MB",
            *(f"{np.median(times[path][batch]):.1f} ms" for batch in BATCHES),
            agrees,
            published,
        )
        for each, found in zip(graphs, answers, strict=True)
        for precision, path, agrees, published in (
            ("int8", each.served, f"{same_best(found.served, found.fp32).mean():.3f}", quoted(each.size)[1]),
            ("fp32", each.fp32, "1", quoted(each.size)[0]),
        )
    ]
    heads = (
        "network",
        "reads",
        "size",
        "a photo alone",
        "in batches of 8",
        "agrees with fp32",
        "right, by its authors",
    )
    mine, other = (each.size for each in graphs)
    who = "they are" if mine.published else f"{other.title} is"
    return (
        f"{table(heads, rows)}\n\nTimes are medians on one thread, all in turns. How often {who} right on ImageNet "
        "is quoted and was not measured here; their own 8-bit graphs are not these.\n\n"
        "`imagenet-efficientnet` is Lite0 because it answers soonest. Lite2 is a model of its own and not a newer "
        "version, which would take Lite0's place: `python -m training imagenet-efficientnet-lite2` makes it."
    )


def quoted(size: Size) -> tuple[str, str]:
    """Return how often it is right in float and in 8 bits, as the card says it."""
    if size.published is None:
        return "not stated", "not stated"
    in_float, in_int8 = size.published
    return f"{in_float} %", f"{in_int8} %"


def plotted(
    graphs: Sequence[Graphs], answers: Sequence[GraphAnswers], times: Times, names: Sequence[str], folder: Path
) -> dict[str, Path]:
    mine = answers[0]
    ways = {
        f"{each.size.title} {name}": path
        for each in graphs
        for name, path in (("int8", each.served), ("fp32", each.fp32))
    }
    return {
        "The best class in float, and how sure both are of it: one point for each test photo.": agreement_plot(
            mine.fp32, mine.served, folder / "agreement.png"
        ),
        "Milliseconds a photo on one thread, network only; medians.": grouped_bars(
            {way: [float(np.median(times[path][batch])) for batch in BATCHES] for way, path in ways.items()},
            [f"batch of {batch}" for batch in BATCHES],
            "ms a photo",
            folder / "speed.png",
        ),
        "Free photos that come with scikit-image, and what is said of them.": gallery(graphs, names, folder),
    }


def gallery(graphs: Sequence[Graphs], names: Sequence[str], folder: Path) -> Path:
    shown = [scikit_photos()[name] for name in ("cat", "coffee", "rocket", "astronaut")]
    said = [
        [
            f"{each.size.title}: {names[row.argmax()].split(',')[0]} {row.max():.2f}"
            for row in probabilities(each.served, squares(shown, each.size.side))
        ]
        for each in graphs
    ]
    captions = ["\n".join(lines) for lines in zip(*said, strict=True)]
    return image_grid([*squares(shown, graphs[0].size.side)], captions, folder / "photos.png", columns=4)
