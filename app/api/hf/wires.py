"""The form that `huggingface_hub.InferenceClient` sends and parses for each task, where it is not the native one.

What a caller sets has an effect here, or is refused with the reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, RootModel, create_model, field_validator, model_validator

from app.api.contracts import STREAM, Bodies, bare
from app.api.hf.generation_schema import TgiAnswer, TgiParameters
from app.api.hf.known import KnownOnly
from app.api.hf.picture_wires import (
    HfDetectionParameters,
    HfRegion,
    HfSegmentationParameters,
    detected,
    segmented,
)
from app.api.hf.speech_wires import HfSpeechParameters, HfTranscript, heard
from app.api.hf.tables import TABLE, Columns, HfRowParameters, best_label, number_alone
from app.api.hf.text_wires import (
    HfEntity,
    HfFillMaskParameters,
    HfQuestionAnsweringParameters,
    HfTokenClassificationParameters,
    HfZeroShotParameters,
    filled_masks,
    found_answers,
    found_entities,
)
from app.api.hf.translation_wires import HfTranslationParameters
from app.tasks.contract import Contract
from app.tasks.embeddings import (
    FeatureExtraction,
    FeatureExtractionParameters,
    SentenceSimilarity,
    SentenceSimilarityParameters,
)
from app.tasks.fill_mask import FilledMask, FillMask
from app.tasks.image_classification import ImageClassification, ImageClassificationParameters
from app.tasks.image_segmentation import ImageSegmentation
from app.tasks.object_detection import Detection, ObjectDetection
from app.tasks.question_answering import FoundAnswer, QuestionAnswering
from app.tasks.schema import Schema
from app.tasks.speech_recognition import SpeechRecognition
from app.tasks.summarization import Summarization
from app.tasks.summary_schema import MAX_CHARACTERS, Mode, SummarizationParameters
from app.tasks.tabular_classification import TabularClassification
from app.tasks.tabular_regression import TabularRegression
from app.tasks.text_classification import TextClassification, TextClassificationParameters
from app.tasks.text_generation import TextGeneration
from app.tasks.token_classification import TokenClassification
from app.tasks.translation import TextTranslation
from app.tasks.zero_shot_classification import ZeroShotClassification


class HfTextClassificationParameters(KnownOnly, TextClassificationParameters):
    """Those of the native dialect."""


class HfImageClassificationParameters(KnownOnly, ImageClassificationParameters):
    """The graph gives probabilities; its logits cannot be had back from them."""

    function_to_apply: Literal["softmax"] = "softmax"

    @field_validator("function_to_apply", mode="before")
    @classmethod
    def _can_be_computed(cls, value: Any) -> Any:
        if value in ("sigmoid", "none"):
            raise ValueError(
                f"{value} cannot be computed: this model's graph gives probabilities, from which logits cannot be had "
                "back; leave it out or send softmax"
            )
        return value


class HfSummaryLimits(KnownOnly):
    """The bounds on a summary's length: one of them. It has at least one sentence."""

    max_length: Annotated[int | None, Field(ge=1, le=MAX_CHARACTERS, description="the same as max_new_tokens")] = None
    max_new_tokens: Annotated[
        int | None,
        Field(ge=1, le=MAX_CHARACTERS, description="tokens of the summary, as the model's own tokenizer counts them"),
    ] = None
    max_words: Annotated[int | None, Field(ge=1, le=MAX_CHARACTERS, description="words of the summary")] = None
    max_sentences: Annotated[int | None, Field(ge=1, le=MAX_CHARACTERS, description="sentences to choose")] = None


NATIVE_LIMITS = {
    "max_length": "max_tokens",
    "max_new_tokens": "max_tokens",
    "max_words": "max_words",
    "max_sentences": "max_sentences",
}


class HfGenerateParameters(HfSummaryLimits):
    """The client has no other place for what is not its own."""

    mode: Annotated[Mode | None, Field(description="extractive, or abstractive: sentences that a model writes")] = None


class HfSummarizationParameters(HfGenerateParameters):
    """Sentences are chosen, or a model writes in a way of its own: options of decoding would change nothing."""

    generate_parameters: Annotated[
        HfGenerateParameters | None, Field(description="where the client puts what limits the summary")
    ] = None
    truncation: Annotated[
        Literal["do_not_truncate", "longest_first", "only_first"] | None,
        Field(description="refuse a text that is too long, or use its beginning"),
    ] = None
    truncate: Annotated[bool | None, Field(description="the native name of truncation")] = None

    @field_validator("truncation", mode="before")
    @classmethod
    def _has_one_text(cls, value: Any) -> Any:
        if value == "only_second":
            raise ValueError("there is no second text; send only_first, longest_first or do_not_truncate")
        return value

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [name for name, _ in self._limits()]
        if len(names) > 1:
            raise ValueError(f"send one limit of the length, not {' and '.join(names)}")
        if len(self._modes()) > 1:
            raise ValueError("send mode once, in parameters or in generate_parameters")
        if self.truncation is not None and self.truncate is not None:
            raise ValueError("send truncation or truncate, not both")
        return self

    def native(self) -> SummarizationParameters:
        limits: dict[str, Any] = {NATIVE_LIMITS[name]: value for name, value in self._limits()}
        is_cut = self.truncate or self.truncation in ("longest_first", "only_first")
        mode = next(iter(self._modes()), None)
        return SummarizationParameters(mode=mode, truncate=bool(is_cut), **limits)

    def _modes(self) -> list[Mode]:
        return [mode for place in self._places() if (mode := place.mode) is not None]

    def _places(self) -> list[HfGenerateParameters]:
        return [self] if self.generate_parameters is None else [self, self.generate_parameters]

    def _limits(self) -> list[tuple[str, int]]:
        found = [(name, getattr(place, name)) for place in self._places() for name in NATIVE_LIMITS]
        return [(name, value) for name, value in found if value is not None]


class HfFeatureExtractionParameters(KnownOnly, FeatureExtractionParameters):
    """The client sends them beside `inputs`; under `parameters` they are read as well."""

    @field_validator("truncation_direction", mode="before")
    @classmethod
    def _may_be_capitalized(cls, value: Any) -> Any:
        return value.lower() if value in ("Left", "Right") else value  # as TEI documents it

    encoding_format: Literal["float"] = "float"

    @field_validator("encoding_format", mode="before")
    @classmethod
    def _can_be_parsed(cls, value: Any) -> Any:
        if value == "base64":
            raise ValueError("base64 is not written, since the client itself cannot parse it; leave it out")
        return value


class HfSentenceSimilarityParameters(KnownOnly, SentenceSimilarityParameters):
    """Those of the native dialect."""


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Wire:
    """The form of one task on the wire.

    `is_nested`: the answer to a single input is a list with one output, and not the output itself.
    `at_root`: parameters stand beside `inputs`, if there are no `parameters`.
    `by_columns`: instead of `inputs` there is a `table`, and answers are a list.
    """

    Parameters: type[BaseModel]
    native: Callable[[Any], Any] = _as_it_is
    is_nested: bool = False
    at_root: bool = False
    by_columns: bool = False
    of_items: Sequence[str] = ()
    """Parameters that belong to each item in the native dialect."""
    Output: Any = None
    """Type of an answer, where it is not the native one."""
    streams: bool = False
    """Whether the answer to a text can be had piece by piece."""
    written: Callable[[Any, Any], Any] | None = None
    """Makes such an answer of a native one and of the parameters, where one is made of one."""


# The client takes element [0] of what it gets for a text, and all of what it gets for an image.
WIRES: Mapping[str, Wire] = {
    ImageClassification.contract.name: Wire(HfImageClassificationParameters),
    ObjectDetection.contract.name: Wire(HfDetectionParameters, Output=list[Detection], written=detected),
    ImageSegmentation.contract.name: Wire(HfSegmentationParameters, Output=list[HfRegion], written=segmented),
    TextClassification.contract.name: Wire(HfTextClassificationParameters, is_nested=True),
    TokenClassification.contract.name: Wire(
        HfTokenClassificationParameters, Output=list[HfEntity], written=found_entities
    ),
    FillMask.contract.name: Wire(
        HfFillMaskParameters, Output=list[FilledMask] | list[list[FilledMask]], written=filled_masks
    ),
    QuestionAnswering.contract.name: Wire(
        HfQuestionAnsweringParameters, Output=FoundAnswer | list[FoundAnswer], written=found_answers
    ),
    ZeroShotClassification.contract.name: Wire(
        HfZeroShotParameters, HfZeroShotParameters.native, of_items=["candidate_labels"]
    ),
    Summarization.contract.name: Wire(HfSummarizationParameters, HfSummarizationParameters.native, is_nested=True),
    FeatureExtraction.contract.name: Wire(HfFeatureExtractionParameters, at_root=True),
    SentenceSimilarity.contract.name: Wire(HfSentenceSimilarityParameters),
    TextTranslation.contract.name: Wire(HfTranslationParameters, HfTranslationParameters.native, is_nested=True),
    SpeechRecognition.contract.name: Wire(HfSpeechParameters, Output=HfTranscript, written=heard),
    TabularClassification.contract.name: Wire(
        HfRowParameters, HfRowParameters.of_classes, by_columns=True, Output=str, written=best_label
    ),
    TabularRegression.contract.name: Wire(HfRowParameters, by_columns=True, Output=float, written=number_alone),
    TextGeneration.contract.name: Wire(
        TgiParameters, TgiParameters.native, is_nested=True, Output=TgiAnswer, streams=True
    ),
}
"""Every task for which the client has a method."""


class HfOptions(Schema):
    """Older clients send them with every request. Nothing is cached here, and what is not loaded is not waited for."""

    use_cache: bool = True
    wait_for_model: bool = False


@cache
def bodies_of_hf(contract: Contract, max_items: int) -> Bodies:
    """The bodies as they are documented."""
    wire = WIRES[contract.name]
    if wire.by_columns:
        return _bodies_of_table(contract, wire)
    first = next(iter(contract.Input.model_fields.values()))
    is_bare = len(contract.Input.model_fields) == 1 or wire.streams or wire.of_items
    item: Any = bare(first) if is_bare else contract.Input
    some: Any = Annotated[list[item], Field(min_length=1, max_length=max_items)]
    Output: Any = wire.Output or contract.Output
    many: Any = list[Output]
    prefix = f"Hf{contract.title}"
    fields: dict[str, Any] = {
        "inputs": (item | some, Field(description="one input, or a list of them, answered in order")),
        "parameters": (wire.Parameters | None, None),
        "options": (HfOptions | None, Field(default=None, description="change nothing")),
        **({"stream": STREAM} if wire.streams else {}),
    }
    root: Any = RootModel
    return Bodies(
        create_model(f"{prefix}Request", __base__=wire.Parameters if wire.at_root else Schema, **fields),
        create_model(f"{prefix}Response", __base__=root[many if wire.is_nested else Output | many]),
    )


def _bodies_of_table(contract: Contract, wire: Wire) -> Bodies:
    prefix, answers = f"Hf{contract.title}", RootModel[list[wire.Output]]  # type: ignore[name-defined]
    fields: dict[str, Any] = {
        TABLE: (Columns, ...),
        "parameters": (wire.Parameters | None, None),
        "options": (HfOptions | None, Field(default=None, description="change nothing")),
    }
    return Bodies(
        create_model(f"{prefix}Request", __base__=Schema, **fields),
        create_model(f"{prefix}Response", __base__=answers),
    )
