"""The forms of tasks that find something in a text, as `huggingface_hub` sends and parses them."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from app.api.hf.known import KnownOnly
from app.tasks.fill_mask import FilledMask, FillMaskParameters
from app.tasks.question_answering import FoundAnswer, QuestionAnsweringParameters
from app.tasks.token_classification import Entity, TokenClassificationParameters
from app.tasks.zero_shot_classification import CandidateLabels, ZeroShotParameters


class HfTokenClassificationParameters(KnownOnly, TokenClassificationParameters):
    """Those of the native dialect: a text is read as a whole, so that no stride has an effect."""


class HfEntity(BaseModel):
    """`entity` is the label of a token by itself, `entity_group` that of tokens that were put together."""

    entity: str | None = None
    entity_group: str | None = None
    score: float
    word: Annotated[str, Field(description="as it stands in the text")]
    start: int
    end: int


def found_entities(entities: Sequence[Entity], sent: HfTokenClassificationParameters) -> list[dict[str, Any]]:
    name = "entity" if sent.aggregation_strategy == "none" else "entity_group"
    return [{name: one.label, **one.model_dump(exclude={"label"})} for one in entities]


class HfZeroShotParameters(KnownOnly, ZeroShotParameters):
    """Those of the native dialect, and the labels, which belong to each text there."""

    candidate_labels: CandidateLabels

    def native(self) -> ZeroShotParameters:
        return ZeroShotParameters(**self.model_dump(exclude={"candidate_labels"}))


class HfFillMaskParameters(KnownOnly, FillMaskParameters):
    """Those of the native dialect."""


def filled_masks(masks: Sequence[Sequence[FilledMask]], sent: HfFillMaskParameters) -> Any:
    """The tokens for the one mask of a text, or of several a list for each."""
    written = [[one.model_dump() for one in mask] for mask in masks]
    return written[0] if len(written) == 1 else written


class HfQuestionAnsweringParameters(KnownOnly, QuestionAnsweringParameters):
    """Those of the native dialect: how long a question and a part of the context may be, the model says."""


def found_answers(answers: Sequence[FoundAnswer], sent: HfQuestionAnsweringParameters) -> Any:
    """The one answer, or a list if several were asked for."""
    written = [one.model_dump() for one in answers]
    return written[0] if sent.top_k == 1 else written
