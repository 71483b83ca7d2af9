"""Label a text with labels that the caller makes up: a network judges whether the text entails each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from app.tasks.contract import Contract
from app.tasks.labels import Label, best_labels, softmax
from app.tasks.schema import OneFault, Schema
from app.tasks.text_pairs import PairConfig, PairKernel
from app.tasks.view import Prepared, View
from app.tensors import Tensors

MOST_LABELS = 100  # of an item, which is a row for each
MOST_ITEMS = 16  # of a request
PLACE = "{}"  # in a template


class ZeroShotConfig(PairConfig):
    """The network was trained on natural-language inference (Yin et al., 2019); its outputs are these."""

    entailment: Annotated[int, Field(ge=0, description="the output that says the second text follows from the first")]
    contradiction: Annotated[int, Field(ge=0, description="the output that says it cannot be true beside it")]


CandidateLabels = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=1000)]],
    OneFault(),
    Field(
        min_length=1,
        max_length=MOST_LABELS,
        description="labels to choose from, in words",
        examples=[["delivery", "price", "quality"]],
    ),
]


class ZeroShotInput(Schema):
    text: Annotated[str, Field(description="any Unicode text", examples=["The parcel came two weeks late."])]
    candidate_labels: CandidateLabels


class ZeroShotParameters(Schema):
    hypothesis_template: Annotated[
        str, Field(max_length=1000, description="a sentence in which {} stands for the label")
    ] = "This example is {}."
    multi_label: Annotated[
        bool, Field(description="judge each label by itself; otherwise the scores of all are one together")
    ] = False
    truncate: Annotated[
        bool, Field(description="use the beginning of a text that is too long, instead of refusing it")
    ] = False

    @field_validator("hypothesis_template")
    @classmethod
    def _has_one_place(cls, template: str) -> str:
        if PLACE not in template:
            raise ValueError(f"has no {PLACE} for the label")
        if (count := template.count(PLACE)) > 1:  # or a small request would be hypotheses of half a million characters
            raise ValueError(f"has {count} {PLACE}, and the label stands in one place")
        return template


class ZeroShotKernel(PairKernel):
    Config = ZeroShotConfig

    def __init__(self, config: ZeroShotConfig, files: Mapping[str, Path]) -> None:
        super().__init__(config, files)
        self.entailment, self.contradiction = config.entailment, config.contradiction


class ZeroShotClassification(View[ZeroShotKernel]):
    """Label each text with labels of your own, each with its score, best first."""

    contract = Contract(
        "zero-shot-classification",
        __qualname__,
        __doc__,
        Input=ZeroShotInput,
        Parameters=ZeroShotParameters,
        Output=list[Label],
        example={
            "text": "The parcel came two weeks late.",
            "candidate_labels": ["delivery", "price", "quality"],
        },
        max_items=MOST_ITEMS,
    )

    def preprocess(self, item: ZeroShotInput, parameters: ZeroShotParameters) -> Prepared:
        encoder, cut, rows = self.kernel.encoder, 0 if parameters.truncate else None, []
        text = encoder.beginning(item.text) if parameters.truncate else item.text
        for at, label in enumerate(item.candidate_labels):
            hypothesis = parameters.hypothesis_template.replace(PLACE, label)
            texts = (text, ("text",)), (hypothesis, ("candidate_labels", at))
            rows.append(encoder.pair_row(encoder.pair(texts, cut)))
        return Prepared(rows, context=item.candidate_labels)

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: ZeroShotParameters
    ) -> list[Label]:
        logits, labels = np.stack([answer["logits"] for answer in answers]), prepared.context
        entailment, contradiction = logits[:, self.kernel.entailment], logits[:, self.kernel.contradiction]
        if parameters.multi_label or len(labels) == 1:
            scores = np.array([softmax(np.array(pair))[1] for pair in zip(contradiction, entailment, strict=True)])
        else:
            scores = softmax(entailment)
        return best_labels(scores, labels, None)
