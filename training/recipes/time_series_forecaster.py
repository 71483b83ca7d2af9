"""Time series forecaster: up to six years of months to quantiles of the next eighteen months, whatever is counted.

`--source` names series of one's own: `*.csv` with the columns `series`, `month` (YYYY-MM) and `value`.
"""

from app.repository.manifest import Batching
from app.tasks.time_series_forecasting import AIRLINE_PASSENGERS
from training.baselines.table import kept_table
from training.card.forecasts import pictured, sureness
from training.card.intervals import HEADING
from training.card.plots import forecast_fans, learning_curves
from training.card.prose import Prose
from training.data.collected_series import Collected, load_series
from training.data.month_windows import CONFIG, MIDDLE, MonthWindows, batch_of
from training.data.monthly_series import SOURCE
from training.data.origins import TEST_SPLIT, questions_of
from training.errors import say
from training.graphs.export import exported
from training.loop.next_months import SETTINGS, TINY, answer, learn_forecaster, learn_textbook_rnn, validation_error
from training.measures.forecasting import quality
from training.recipe import Draft, Example, HeldOut, Recipe, Run, SettingsSearch, sampled

NAME = "time-series-forecaster"
PROSE = Prose(__name__)
# Of one's own series it stays in the working folder, since everybody may read a card.
FORECASTS = "Four series of the test, chosen by chance: what was known, what followed, median and 80 % interval"

# Sea surface in degrees Celsius, Niño 1+2, 2001 to 2005; NOAA, public domain. Not among the series that are learned.
EL_NINO = [
    24.24, 26.11, 26.89, 25.99, 23.98, 22.71, 21.48, 20.24, 19.73, 20.14, 20.68, 21.73,
    24.09, 26.23, 27.39, 26.44, 25.29, 23.28, 21.64, 21.32, 21.42, 21.85, 22.85, 24.05,
    25.01, 26.27, 26.91, 25.41, 23.24, 22.15, 21.50, 21.25, 20.75, 21.70, 22.33, 23.60,
    25.09, 26.47, 26.12, 25.27, 23.44, 22.54, 21.26, 20.79, 20.83, 21.56, 22.88, 23.39,
    24.61, 25.09, 25.23, 25.21, 24.31, 22.60, 21.61, 20.47, 20.00, 19.89, 20.61, 22.20,
]  # fmt: skip


def make(collected: Collected, run: Run) -> Draft:
    """Train on everything before the first test origin, and measure from there."""
    table = None if run.tiny or run.source else kept_table(NAME, data_sha256=SOURCE.sha256, split=TEST_SPLIT)
    windows = MonthWindows([one.learned for one in collected.series], run.seed)
    network, curve = learn_forecaster(windows, run)
    asked = [
        question
        for number, one in enumerate(collected.series)
        for question in questions_of(number, one.values, one.origins)
    ]
    found = answer(network, asked)
    textbook = answer(learn_textbook_rnn(windows, run), asked)
    metrics = quality(found, textbook, asked, collected, table.figures if table else {})
    graph = exported(network, batch_of(asked[:32]), run.workdir / "model.onnx", ["quantiles"])
    forecasts = forecast_fans(pictured(asked, found, run.seed), run.workdir / "forecasts.png")
    return Draft(
        description="Forecasts up to eighteen months from two to six years of any monthly series, with quantiles: "
        f"one network for all series, trained on {collected.title}.",
        licence=collected.licence,
        files={"model.onnx": graph.path},
        graphs={"model": "model.onnx"},
        config=CONFIG.model_dump(),
        exported=graph,
        batching=Batching(max_batch_size=256),
        metrics=metrics,
        sources=[collected.source],
        examples=[
            Example({"values": AIRLINE_PASSENGERS}, {"horizon": 12, "quantiles": [0.1, 0.9]}, tolerance=0.05),
            Example({"values": EL_NINO}, tolerance=1e-3),
            Example({"values": [7.0] * 24}, {"horizon": 2, "quantiles": [0.5]}),
        ],
        limits=[*PROSE.items("Limits"), *collected.limits],
        sections={HEADING: sureness(found[..., MIDDLE], {"SimpleRNN": textbook[..., 0]}, asked)},
        notes=f"{collected.notes} {say(collected.remarks)}".rstrip(),
        plots={
            "Loss in training: one line for each of the networks whose mean it is": learning_curves(
                curve.rows, {"pinball loss": ["loss"]}, run.workdir / "learning.png"
            ),
            **({} if collected.is_own else {FORECASTS: forecasts}),
        },
        has_own_data=collected.is_own,
    )


def sample(collected: Collected, run: Run) -> HeldOut:
    """All that was known of each series where forecasts of the test begin."""
    known = [
        question.known
        for number, one in enumerate(collected.series)
        for question in questions_of(number, one.values, one.origins)
    ]
    items = [{"values": values[-CONFIG.max_history :].tolist()} for values in sampled(known, run)]
    return HeldOut(items, collected.dataset, f"{collected.split}, {len(items):,} of them")


RECIPE = Recipe(
    name=NAME,
    task="time-series-forecasting",
    load=load_series,
    make=make,
    sample=sample,
    must_reach={"mase_saved": 0.02},
    must_lead={"mase": "less"},
    settings=SETTINGS,
    search=SettingsSearch(validation_error, "MASE of the months before the test"),
    tiny=TINY,
    takes_source=True,
)
