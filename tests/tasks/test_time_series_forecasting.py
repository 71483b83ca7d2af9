import json
import time

import numpy as np
import pytest
from pydantic import ValidationError

from app.errors import InferenceFailed, InvalidInput
from app.tasks.time_series_forecasting import (
    AIRLINE_PASSENGERS,
    Forecast,
    ForecastingConfig,
    ForecastingKernel,
    ForecastParameters,
    SeriesInput,
    TimeSeriesForecasting,
)
from app.tasks.view import Prepared, predict_alone, predict_json
from app.tensors import Placement, Tensors

HORIZON = 3
QUANTILES = [0.1, 0.5, 0.9]
CONFIG = {
    "season": 4, "min_history": 4, "max_history": 8, "horizon": HORIZON, "quantiles": QUANTILES, "period": "quarter",
}  # fmt: skip


class NewestAgain:
    """Says that the newest value comes again, give or take one unit of scale for each step ahead."""

    placement = Placement("cpu", "a test")

    def run(self, inputs: Tensors) -> Tensors:
        assert inputs["values"].dtype == inputs["is_known"].dtype == np.float32
        step = np.arange(1, HORIZON + 1, dtype=np.float32)[:, None]
        spread = step * np.array([-1, 0, 1], np.float32)
        return {"quantiles": inputs["values"][:, -1, None, None] + spread}


class NotANumber:
    placement = Placement("cpu", "a test")

    def run(self, inputs: Tensors) -> Tensors:
        return {"quantiles": np.full((len(inputs["values"]), HORIZON, len(QUANTILES)), np.nan, np.float32)}


@pytest.fixture
def task() -> TimeSeriesForecasting:
    return TimeSeriesForecasting(ForecastingKernel(ForecastingConfig.model_validate(CONFIG), {}))


def forecast(task: TimeSeriesForecasting, values: list[float], **parameters: object) -> Forecast:
    item, chosen = SeriesInput.model_validate({"values": values}), ForecastParameters.model_validate(parameters)
    return predict_alone(task, {"model": NewestAgain()}, item, chosen)


def refusal(task: TimeSeriesForecasting, values: list[float], **parameters: object) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        forecast(task, values, **parameters)
    return caught.value


def test_a_forecast_is_in_the_unit_and_at_the_level_of_the_series(task: TimeSeriesForecasting) -> None:
    found = forecast(task, [9, 11, 9, 11])  # level 10, unit 1
    assert found.median == pytest.approx([11, 11, 11])
    assert found.quantiles["0.1"] == pytest.approx([10, 9, 8])
    assert found.quantiles["0.9"] == pytest.approx([12, 13, 14])


@pytest.mark.parametrize("unit", [1e-290, 1e-9, 1.0, 1e9, 1e290, -1.0], ids="unit {}".format)
@pytest.mark.parametrize("level", [0.0, 1e3, -1e3], ids="level {}".format)
def test_another_unit_or_level_of_a_series_is_that_of_its_forecast(
    task: TimeSeriesForecasting, unit: float, level: float
) -> None:
    values = np.array([3, 7, 2, 5, 6, 4])
    before = np.array(forecast(task, values.tolist()).median)
    after = forecast(task, (unit * (values + level)).tolist()).median
    assert after == pytest.approx((unit * (before + level)).tolist(), rel=1e-6)


def test_a_short_series_is_padded_from_the_left_and_says_so(task: TimeSeriesForecasting) -> None:
    (row,) = task.preprocess(SeriesInput(values=[1, 2, 3, 4, 5]), ForecastParameters()).rows
    assert row["is_known"].tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert row["values"][:3].tolist() == [0, 0, 0]


def test_of_a_long_series_only_the_newest_values_count(task: TimeSeriesForecasting) -> None:
    newest = [4, 1, 5, 9, 2, 6, 5, 3]
    assert forecast(task, [1e6, -7, *newest]) == forecast(task, newest)


def test_a_series_that_never_changed_stays_as_it_is(task: TimeSeriesForecasting) -> None:
    found = forecast(task, [0.1] * 7, horizon=2)
    assert found.median == [0.1, 0.1]
    assert found.quantiles == {"0.1": [0.1, 0.1], "0.5": [0.1, 0.1], "0.9": [0.1, 0.1]}


def test_horizon_and_quantiles_choose_what_is_answered(task: TimeSeriesForecasting) -> None:
    found = forecast(task, [1, 2, 3, 4], horizon=1, quantiles=[0.9, 0.1])
    assert len(found.median) == 1
    assert list(found.quantiles) == ["0.9", "0.1"]
    assert [len(values) for values in found.quantiles.values()] == [1, 1]


def test_everything_the_model_knows_is_answered_by_default(task: TimeSeriesForecasting) -> None:
    found = forecast(task, [1, 2, 3, 4])
    assert len(found.median) == HORIZON
    assert list(found.quantiles) == ["0.1", "0.5", "0.9"]
    assert found.quantiles["0.5"] == found.median


def test_a_series_that_is_too_short_is_refused_with_its_length_and_what_is_needed(task: TimeSeriesForecasting) -> None:
    error = refusal(task, [1, 2, 3])
    assert error.details == [{"loc": ["values"], "msg": "has 3 values, and a forecast needs 4: one for each quarter"}]
    assert refusal(task, []).details[0]["msg"].startswith("has 0 values")


def test_a_horizon_beyond_the_models_is_refused(task: TimeSeriesForecasting) -> None:
    error = refusal(task, [1, 2, 3, 4], horizon=4)
    assert error.details == [
        {"loc": ["parameters", "horizon"], "msg": "must be at most 3, as far as this model forecasts"}
    ]


def test_a_quantile_that_the_model_does_not_know_is_refused_with_those_it_knows(task: TimeSeriesForecasting) -> None:
    error = refusal(task, [1, 2, 3, 4], quantiles=[0.1, 0.25])
    assert error.details == [
        {"loc": ["parameters", "quantiles"], "msg": "0.25 is not among this model's quantiles: 0.1, 0.5, 0.9"}
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param("NaN", "must be a finite number", id="nan"),
        pytest.param("Infinity", "must be a finite number", id="infinity"),
        pytest.param("1e999", "must be a finite number", id="a literal beyond every float"),
        pytest.param("null", "must be a number, not null; fill gaps", id="null"),
        pytest.param('"5"', "must be a number, not str", id="a text"),
        pytest.param("true", "must be a number, not bool", id="a truth"),
        pytest.param("[1]", "must be a number, not list", id="a list"),
        pytest.param("1" + "0" * 400, "must lie between", id="an integer beyond every float"),
        pytest.param("-1e301", "must lie between", id="a float whose sums would overflow"),
    ],
)
def test_a_value_is_refused_with_its_position(value: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SeriesInput.model_validate(json.loads(f'{{"values": [1, 2, {value}, 4]}}'))
    (fault,) = caught.value.errors()
    assert fault["loc"] == ("values", 2)
    assert fault["msg"].startswith(message)


def test_only_the_first_fault_of_many_is_told() -> None:
    with pytest.raises(ValidationError) as caught:
        SeriesInput.model_validate({"values": [None] * 5000})
    assert caught.value.error_count() == 1


@pytest.mark.parametrize(
    "parameters", [{"horizon": 0}, {"horizon": 1.5}, {"quantiles": []}, {"quantiles": [1.0]}, {"level": 80}], ids=str
)
def test_parameters_without_a_meaning_are_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ForecastParameters.model_validate(parameters)


@pytest.mark.parametrize(
    "change",
    [{"quantiles": [0.1, 0.9]}, {"quantiles": [0.9, 0.5]}, {"min_history": 9}, {"horizon": 0}, {"unit": "t"}],
    ids=str,
)
def test_a_config_that_describes_no_forecast_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ForecastingConfig.model_validate({**CONFIG, **change})


def test_an_answer_does_not_depend_on_its_neighbours(task: TimeSeriesForecasting) -> None:
    series = [[1, 2, 3, 4], [1e12, 5e11, 2e12, 3e12, 1e12], [-3, 1e-3, 2, 0, 1, 1, 1, 1, 9]]
    items = [SeriesInput.model_validate({"values": values}) for values in series]
    prepared = [task.preprocess(item, ForecastParameters()) for item in items]
    together = task.kernel.run({"model": NewestAgain()}, [one.rows[0] for one in prepared])
    for values, one, answer in zip(series, prepared, together, strict=True):
        assert task.postprocess(one, [answer], ForecastParameters()) == forecast(task, values)


def test_a_model_that_answers_no_number_is_at_fault(task: TimeSeriesForecasting) -> None:
    with pytest.raises(InferenceFailed):
        predict_alone(task, {"model": NotANumber()}, SeriesInput(values=[1, 2, 3, 4]), ForecastParameters())


def test_the_example_runs_as_it_stands() -> None:
    long = TimeSeriesForecasting(
        ForecastingKernel(
            ForecastingConfig.model_validate({**CONFIG, "season": 12, "min_history": 24, "max_history": 60}), {}
        )
    )
    output = predict_json(long, {"model": NewestAgain()}, TimeSeriesForecasting.contract.example, {"horizon": 2})
    assert output["median"] == pytest.approx([AIRLINE_PASSENGERS[-1]] * 2, rel=1e-6)


def test_the_row_to_measure_with_is_full(task: TimeSeriesForecasting) -> None:
    assert task.kernel.probe(1)["is_known"].tolist() == [1] * 8
    assert task.kernel.probe(1)["values"].std() > 0.1


def test_a_series_that_is_called_quick_is_prepared_in_a_fraction_of_a_millisecond(task: TimeSeriesForecasting) -> None:
    item = SeriesInput(values=[float(value) for value in range(1000)])
    assert task.is_quick(item)
    assert not task.is_quick(SeriesInput(values=[0.0, *item.values]))

    def seconds() -> float:
        started = time.thread_time()
        prepared = task.preprocess(item, ForecastParameters())
        assert isinstance(prepared, Prepared)
        return time.thread_time() - started

    assert min(seconds() for _ in range(20)) < 1e-3
