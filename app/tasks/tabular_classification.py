"""Tell a class by the columns of a row: whether somebody leaves, which kind something is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from app.tasks.contract import Contract
from app.tasks.labels import Label, best_labels, confidence
from app.tasks.tables.kernel import RowInput, RowParameters, TableConfig, TableKernel, TableView, TextRow
from app.tasks.view import Prepared
from app.tensors import Tensors

EXAMPLE_ROW = {"months": 7, "contract": "monthly", "charge": 70.35}


class TabularClassificationConfig(TableConfig):
    """The graph gives `probabilities` fp32 [batch, labels]."""

    labels: Annotated[list[str], Field(min_length=2)]


class TabularClassificationParameters(RowParameters):
    top_k: Annotated[int | None, Field(ge=1, le=10_000, description="how many labels to return; all by default")] = None


class TabularClassificationKernel(TableKernel):
    Config = TabularClassificationConfig

    def __init__(self, config: TabularClassificationConfig, files: Mapping[str, Path]) -> None:
        super().__init__(config, files)
        self.labels = config.labels
        self.class_names = {"probabilities": self.labels}


class TabularClassification(TableView[TabularClassificationKernel]):
    """Label each row by its columns; every label comes with its probability, best first."""

    contract = Contract(
        "tabular-classification",
        __qualname__,
        __doc__,
        Input=RowInput,
        Parameters=TabularClassificationParameters,
        Output=list[Label],
        # Columns depend on the model, so this shows the form only; the document of a model has its own.
        example=EXAMPLE_ROW,
        body_bytes=4_000_000,
        Line=TextRow,
        confidence=confidence,
    )

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: TabularClassificationParameters
    ) -> list[Label]:
        return best_labels(answers[0]["probabilities"], self.kernel.labels, parameters.top_k)
