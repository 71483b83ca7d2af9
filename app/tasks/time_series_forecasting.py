"""Forecast how a series of numbers goes on, with quantiles that say how sure that is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from pydantic import (
    BaseModel,
    FailFast,
    Field,
    Strict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from app.errors import InferenceFailed, InvalidInput
from app.tasks.contract import Contract
from app.tasks.kernel import Kernel
from app.tasks.schema import Schema
from app.tasks.view import Prepared, View
from app.tensors import Array, Tensors

LARGEST = 1e300  # of a value; beyond it, sums and differences would leave the range of a float
MEDIAN = 0.5
QUICK_VALUES = 1000  # are prepared in less than 0.1 ms

# In thousands a month, 1949 to 1951: from series G of Box & Jenkins, "Time Series Analysis", 1970.
# fmt: off
AIRLINE_PASSENGERS = [
    112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118,
    115, 126, 141, 135, 125, 149, 170, 170, 158, 133, 114, 140,
    145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166,
]
# fmt: on

Probability = Annotated[float, Field(gt=0, lt=1)]


class ForecastingConfig(Schema):
    """The graph maps `values` and `is_known` fp32 [batch, max_history] to `quantiles` fp32 [batch, horizon, quantiles].

    A season is the number of values after which a pattern comes again.
    """

    season: Annotated[int, Field(ge=1)]
    min_history: Annotated[int, Field(ge=2)]
    max_history: Annotated[int, Field(ge=2)]
    horizon: Annotated[int, Field(ge=1)]
    quantiles: Annotated[list[Probability], Field(min_length=1)]
    period: Annotated[str, Field(description="what one value stands for, for messages: month")] = "value"

    @model_validator(mode="after")
    def _forms_a_forecast(self) -> Self:
        if self.quantiles != sorted(set(self.quantiles)) or MEDIAN not in self.quantiles:
            raise ValueError(f"quantiles must increase and have {MEDIAN} among them")
        if not self.min_history <= self.max_history:
            raise ValueError("min_history must not be more than max_history")
        return self


def _with_reason(values: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Validate a series, and say of the value that is refused why it is."""
    # The constraints are checked at once: a validator in Python for each value takes a second for a large request.
    try:
        return validate(values)
    except ValidationError as error:
        (fault,) = error.errors(include_url=False)
        if not fault["loc"]:  # not one of the values: it is no list, or too long
            raise
        why: InitErrorDetails = {"type": _why_refused(fault["input"]), "loc": fault["loc"], "input": fault["input"]}
        raise ValidationError.from_exception_data(error.title, [why]) from None


def _why_refused(value: Any) -> PydanticCustomError:
    if isinstance(value, bool) or not isinstance(value, int | float):
        written = "null" if value is None else type(value).__name__
        return PydanticCustomError(
            "number", "must be a number, not {written}; fill gaps before you send a series", {"written": written}
        )
    # An integer may be too large for a float, and then cannot be asked whether it is finite.
    if isinstance(value, float) and not math.isfinite(value):
        return PydanticCustomError("finite", "must be a finite number; fill gaps before you send a series")
    return PydanticCustomError("range", "must lie between -1e300 and 1e300")


Value = Annotated[
    float,
    Strict(),
    Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False),
    WithJsonSchema({"type": "number"}),
]


class SeriesInput(Schema):
    values: Annotated[
        list[Value],
        FailFast(),  # one fault is enough; thousands would cost as many errors
        Field(
            max_length=10_000,
            description="equally spaced numbers, oldest first, of any unit and level; the card says how many are read. "
            "Older ones do not count",
        ),
        WrapValidator(_with_reason),
    ]


class ForecastParameters(Schema):
    horizon: Annotated[
        int | None,
        Field(ge=1, le=10_000, description="how many values to forecast; as many as the model can by default"),
    ] = None
    quantiles: Annotated[
        list[Probability] | None,
        Field(
            min_length=1,
            max_length=100,
            description="which of the model's quantiles to answer; all by default",
            examples=[[0.1, 0.9]],
        ),
    ] = None


class Forecast(BaseModel):
    median: Annotated[
        list[float], Field(description="what each of the next values will exceed as likely as not, nearest first")
    ]
    quantiles: Annotated[
        dict[str, list[float]],
        Field(
            description="for each probability what each value will stay below with it; from 0.1 to 0.9 they lie in "
            "four of five cases",
            examples=[{"0.1": [395.2], "0.9": [441.0]}],
        ),
    ]


class ForecastingKernel(Kernel):
    Config = ForecastingConfig

    def __init__(self, config: ForecastingConfig, files: Mapping[str, Path]) -> None:
        self.config = config

    def probe(self, length: int) -> Tensors:
        return self.row(np.sin(np.arange(self.config.max_history)))

    def row(self, scaled: Array) -> Tensors:
        """Values behind as many zeros as there is room for."""
        values, is_known = np.zeros((2, self.config.max_history), np.float32)
        values[self.config.max_history - len(scaled) :] = scaled
        is_known[self.config.max_history - len(scaled) :] = 1
        return {"values": values, "is_known": is_known}


class TimeSeriesForecasting(View[ForecastingKernel]):
    """Forecast the next values of a series from its own past, as medians and quantiles; nothing is fitted anew."""

    contract = Contract(
        "time-series-forecasting",
        __qualname__,
        __doc__,
        Input=SeriesInput,
        Parameters=ForecastParameters,
        Output=Forecast,
        example={"values": AIRLINE_PASSENGERS},
    )

    def __init__(self, kernel: ForecastingKernel) -> None:
        super().__init__(kernel)
        config = kernel.config
        self._season, self._horizon, self._period = config.season, config.horizon, config.period
        self._min_history, self._max_history = config.min_history, config.max_history
        self._quantiles = config.quantiles

    def is_quick(self, item: SeriesInput) -> bool:
        return len(item.values) <= QUICK_VALUES

    def check(self, parameters: ForecastParameters) -> None:
        if parameters.horizon and parameters.horizon > self._horizon:
            raise InvalidInput(f"must be at most {self._horizon}, as far as this model forecasts").under("horizon")
        unknown = [asked for asked in parameters.quantiles or () if asked not in self._quantiles]
        if unknown:
            known = ", ".join(map(str, self._quantiles))
            raise InvalidInput(f"{unknown[0]} is not among this model's quantiles: {known}").under("quantiles")

    def preprocess(self, item: SeriesInput, parameters: ForecastParameters) -> Prepared:
        if len(item.values) < self._min_history:
            raise InvalidInput(
                f"has {len(item.values)} values, and a forecast needs {self._min_history}: one for each {self._period}"
            ).under("values")
        values = np.asarray(item.values[-self._max_history :], np.float64)
        scale = Scale.of(values, self._season)
        return Prepared([self.kernel.row(scale.remove(values))] if scale.unit else [], context=scale)

    def answers_quickly(self, answers: Sequence[Tensors]) -> bool:
        return True

    def postprocess(self, prepared: Prepared, answers: Sequence[Tensors], parameters: ForecastParameters) -> Forecast:
        # A series that never changed has no row: whatever is asked of it, it stays as it is.
        scaled = answers[0]["quantiles"] if answers else np.zeros((self._horizon, len(self._quantiles)))
        if not np.isfinite(scaled).all():
            raise InferenceFailed("the model gave forecasts that are not numbers")
        columns = prepared.context.restore(scaled[: parameters.horizon].astype(np.float64)).T
        forecasts = dict(zip(self._quantiles, columns.tolist(), strict=True))
        return Forecast(
            median=forecasts[MEDIAN],
            quantiles={str(asked): forecasts[asked] for asked in parameters.quantiles or self._quantiles},
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale that makes series of any unit and level alike: last season's mean, and the mean distance from it.

    `unit` is 0 where all values are the same.
    """

    level: float
    unit: float

    @classmethod
    def of(cls, values: Array, season: int) -> Self:
        if values.min() == values.max():
            return cls(float(values[0]), 0.0)
        level = float(values[-season:].mean())
        return cls(level, float(np.abs(values - level).mean()))

    def remove(self, values: Array) -> Array:
        return np.asarray((values - self.level) / self.unit)

    def restore(self, scaled: Array) -> Array:
        return np.asarray(self.level + self.unit * scaled)
