"""The figures of a cascade: what it costs and loses beside each of its models, for its manifest and its card."""

from pathlib import Path

from app.repository.manifest import Metric
from training.card.cascades import Seconds, cost_plot, milliseconds, thresholds_table
from training.card.intervals import intervals_table
from training.card.plots import calibration_plot
from training.card.prose import Prose
from training.measures.calibration import expected_calibration_error
from training.measures.cascade import AskedBoth, choose
from training.measures.intervals import Figure, interval
from training.recipe import Run
from training.recipes.two_models import BATCHES, ROUNDS, TIMED, JudgedSplit

PROSE = Prose(__name__)
LOSSES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02)  # of accuracy, each with its threshold in the table


def costs(test: JudgedSplit, enough: float, loss: float, seconds: Seconds, accuracy: str, dataset: str) -> list[Metric]:
    """The time it takes and the accuracy it loses on the test, beside each of its models alone."""
    asked, weights = test.asked, test.asked.weights
    share = float(asked.answered(enough).mean())
    split = f"test, {len(asked.confidence):,} samples"
    differs = asked.large - asked.cascade(enough)
    lost, (least, _) = float(differs @ weights), interval(differs, asked.strata)
    alone = float((asked.large - asked.small) @ weights)
    took, (_, large_s) = milliseconds(seconds, 1 - share), seconds[BATCHES[0]]
    calibrated = expected_calibration_error(test.small.scores, test.truth)
    return [
        Metric(name="enough", value=enough, dataset="confidence of the small model", split="chosen on the validation"),
        Metric(name="answered_by_small", value=round(share, 4), dataset=dataset, split=split),
        Metric(
            name="time_saved",
            value=round(1 - took[BATCHES[0]] / (1e3 * large_s), 4),
            dataset="of the large model's, each row alone, network only",
            split=split,
        ),
        Metric(
            name="within_stated_loss",
            value=float(least <= loss),
            dataset=f"1 unless, at 95 %, more than {loss:g} is lost",
            split=split,
        ),
        Metric(
            name="calibration_error_of_small",
            value=round(calibrated, 4),
            dataset=f"{dataset}; less is better",
            split=split,
        ),
        Metric(
            name="accuracy_lost",
            value=round(lost, 4),
            dataset=f"{accuracy}; less is better",
            split=split,
            baselines={"the small model alone": round(alone, 4)},
        ),
        *(
            Metric(
                name=f"ms_a_row_batch_{size}",
                value=round(took[size], 2),
                dataset="network only, one thread; less is better",
                split=f"{ROUNDS} rounds in turns on the machine that made this",
                baselines={"the small model": round(1e3 * one, 2), "the large model": round(1e3 * other, 2)},
            )
            for size, (one, other) in seconds.items()
        ),
    ]


def thresholds(validation: JudgedSplit, test: JudgedSplit, chosen: float | None, loss: float, seconds: Seconds) -> str:
    """Markdown: of other losses only what the validation says."""
    rows: dict[str, tuple[float | None, AskedBoth]] = {"the large model alone, validation": (None, validation.asked)}
    for one in sorted({*LOSSES, loss}):
        said = f"at most {one:g} lost, validation"
        rows[f"**{said}**" if one == loss else said] = (choose(validation.asked, one), validation.asked)
    rows["the small model alone, validation"] = (0.0, validation.asked)
    rows["the large model alone, test"] = (None, test.asked)
    if chosen is not None:
        rows["**chosen, test**"] = (chosen, test.asked)
    rows["the small model alone, test"] = (0.0, test.asked)
    return f"{thresholds_table(rows, seconds)}\n\n{PROSE.text('Reading', loss=loss, timed=TIMED, rounds=ROUNDS)}"


def sureness(accuracy: str, test: JudgedSplit, enough: float) -> str:
    asked = test.asked
    figure = Figure(accuracy, asked.cascade(enough), {"the large model": asked.large}, asked.strata)
    return intervals_table([figure])


def plotted(
    validation: JudgedSplit, test: JudgedSplit, chosen: float | None, seconds: Seconds, run: Run
) -> dict[str, Path]:
    return {
        "What a row costs, and how often the answer is right": cost_plot(
            validation.asked, test.asked, chosen, seconds[BATCHES[0]], run.workdir / "cost.png"
        ),
        "How often the small model is right on the test, by how sure it is": calibration_plot(
            test.small.scores, test.truth, run.workdir / "calibration.png"
        ),
    }
