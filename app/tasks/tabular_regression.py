"""Tell a number by the columns of a row: a price, a duration, an amount."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from app.errors import InferenceFailed
from app.tasks.contract import Contract
from app.tasks.schema import Schema
from app.tasks.tables.kernel import RowInput, RowParameters, TableConfig, TableKernel, TableView, TextRow
from app.tasks.tabular_classification import EXAMPLE_ROW
from app.tasks.view import Prepared
from app.tensors import Tensors


class Reach(Schema):
    """The distance within which the truth lay of what was told, in this share of the rows kept to find it out."""

    probability: Annotated[float, Field(gt=0, lt=1)]
    distance: Annotated[float, Field(ge=0)]


class TabularRegressionConfig(TableConfig):
    """The graph gives `value` fp32 [batch, 1]."""

    reach: Reach | None = None


class ValueInterval(BaseModel):
    low: float
    high: float
    probability: Annotated[float, Field(description="how often the truth lay between on rows of the same kind")]


class ToldNumber(BaseModel):
    value: Annotated[float, Field(description="in the unit of the column that is told")]
    interval: Annotated[ValueInterval | None, Field(description="null if the model has none")]


class TabularRegressionKernel(TableKernel):
    Config = TabularRegressionConfig

    def __init__(self, config: TabularRegressionConfig, files: Mapping[str, Path]) -> None:
        super().__init__(config, files)
        self.reach = config.reach


class TabularRegression(TableView[TabularRegressionKernel]):
    """Tell a number of each row by its columns, and between what it should lie."""

    contract = Contract(
        "tabular-regression",
        __qualname__,
        __doc__,
        Input=RowInput,
        Parameters=RowParameters,
        Output=ToldNumber,
        # Columns depend on the model, so this shows the form only; the document of a model has its own.
        example=EXAMPLE_ROW,
        body_bytes=4_000_000,
        Line=TextRow,
    )

    def postprocess(self, prepared: Prepared, answers: Sequence[Tensors], parameters: RowParameters) -> ToldNumber:
        value = float(answers[0]["value"][0])
        if not np.isfinite(value):
            raise InferenceFailed("the model gave what is no number")
        reach = self.kernel.reach
        if reach is None:
            return ToldNumber(value=value, interval=None)
        low, high = value - reach.distance, value + reach.distance
        return ToldNumber(value=value, interval=ValueInterval(low=low, high=high, probability=reach.probability))
