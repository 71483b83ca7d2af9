"""Why a row has a label or a number: what the answer loses where a column holds what is typical instead."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field

from app.errors import InferenceFailed, InvalidInput
from app.tasks.contract import Contract
from app.tasks.explanations.base import MOST_ITEMS, NAME, Explanation, log_odds, one_label, require_label, rounded
from app.tasks.explanations.coalitions import Floats, left_out, losses
from app.tasks.tables.columns import MISSING, Column, Read, quoted
from app.tasks.tables.kernel import AnyTableKernel, RowInput, RowParameters, TableView
from app.tasks.tabular_classification import (
    TabularClassification,
    TabularClassificationKernel,
    TabularClassificationParameters,
)
from app.tasks.tabular_regression import TabularRegression, TabularRegressionKernel
from app.tasks.view import Prepared
from app.tensors import Tensors


class WeighedColumn(BaseModel):
    column: str
    weight: Annotated[
        float,
        Field(
            description="how much the answer loses where the column holds its typical value instead: of a label in "
            "log-odds, of a number in its unit. Negative if the column speaks against it, 0 if it holds that value"
        ),
    ]
    typical: Annotated[float | str | None, Field(description="median or most frequent value of training; null: none")]


class ClassReasons(BaseModel):
    label: Annotated[str, Field(description="the label that is explained", examples=["stays"])]
    score: Annotated[float, Field(description="its score, as in the prediction")]
    score_of_typical: Annotated[float, Field(description="its score where every column holds its typical value")]
    columns: Annotated[list[WeighedColumn], Field(description="what matters most first")]


class NumberReasons(BaseModel):
    value: Annotated[float, Field(description="as in the prediction")]
    value_of_typical: Annotated[float, Field(description="of a row in which every column holds its typical value")]
    columns: Annotated[list[WeighedColumn], Field(description="what matters most first")]


class TableExplanation(Explanation[AnyTableKernel], TableView[AnyTableKernel]):
    """Of a row it makes one in which all columns are typical, and one for each column in which that one is."""

    def check(self, parameters: Any) -> None:
        nameless = [one.name for one in self.kernel.columns.values() if one.typical is None and not one.may_be_missing]
        if nameless:
            raise InvalidInput(f"this model does not know what is typical of its column {quoted(nameless[0])}")

    def preprocess(self, item: RowInput, parameters: RowParameters) -> Prepared:
        read = self.read(item, parameters)
        return Prepared([self.kernel.tensors(row) for row in self.replaced(read)])

    def replaced(self, read: dict[str, Read]) -> list[dict[str, Read]]:
        """A row as it is, with what is typical in all columns, and in each of them alone."""
        typical = {name: _typical(column) for name, column in self.kernel.columns.items()}
        return [
            {name: read[name] if is_kept else typical[name] for name, is_kept in zip(read, kept, strict=True)}
            for kept in left_out(len(read))
        ]

    def weighed(self, weights: Floats) -> list[WeighedColumn]:
        columns = list(self.kernel.columns.values())
        return [
            WeighedColumn(column=columns[i].name, weight=rounded(weights[i]), typical=columns[i].typical)
            for i in np.argsort(-np.abs(weights), kind="stable")
        ]


def _typical(column: Column) -> Read:
    if column.typical is not None:
        return column.typical
    return np.nan if column.kind == "number" else MISSING


class ClassExplanationParameters(TabularClassificationParameters):
    label: Annotated[str | None, Field(description="the label to explain; by default the best one")] = None
    top_k: Annotated[
        int | None,
        Field(ge=1, le=10_000, description="as in a prediction, whose parameters may be sent as they are; no effect"),
    ] = None


class ClassExplanation(TableExplanation[TabularClassificationKernel]):
    """Weigh the columns of each row: how much the label loses, in log-odds, where a column holds what is typical.

    One column is replaced at a time: what two columns say only together is counted for both or for neither.
    """

    contract = Contract(
        NAME,
        __qualname__,
        __doc__,
        Input=RowInput,
        Parameters=ClassExplanationParameters,
        Output=ClassReasons,
        example=TabularClassification.contract.example,
        max_items=MOST_ITEMS,
        Line=TabularClassification.contract.Line,
    )

    def check(self, parameters: Any) -> None:
        super().check(parameters)
        require_label(parameters.label, self.kernel.class_names)

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: ClassExplanationParameters
    ) -> ClassReasons:
        scores = np.stack([answer["probabilities"] for answer in answers]).astype(np.float64)
        label = one_label(scores, self.kernel.labels, parameters.label)
        of_label = scores[:, label]
        return ClassReasons(
            label=self.kernel.labels[label],
            score=float(of_label[0]),
            score_of_typical=float(of_label[1]),
            columns=self.weighed(losses(log_odds(of_label))),
        )


class NumberExplanation(TableExplanation[TabularRegressionKernel]):
    """Weigh the columns of each row: how much the number loses where a column holds what is typical.

    One column is replaced at a time: what two columns say only together is counted for both or for neither.
    """

    contract = Contract(
        NAME,
        __qualname__,
        __doc__,
        Input=RowInput,
        Parameters=RowParameters,
        Output=NumberReasons,
        example=TabularRegression.contract.example,
        max_items=MOST_ITEMS,
        Line=TabularRegression.contract.Line,
    )

    def postprocess(self, prepared: Prepared, answers: Sequence[Tensors], parameters: RowParameters) -> NumberReasons:
        values = np.array([answer["value"][0] for answer in answers], np.float64)
        if not np.isfinite(values).all():
            raise InferenceFailed("the model gave what is no number")
        return NumberReasons(
            value=float(values[0]), value_of_typical=float(values[1]), columns=self.weighed(losses(values))
        )
