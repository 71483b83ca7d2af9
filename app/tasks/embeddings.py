"""Texts as vectors: the vectors themselves, or how alike the texts are by them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, FailFast, Field, model_validator

from app.errors import InvalidInput
from app.tasks.contract import Contract
from app.tasks.schema import Schema
from app.tasks.text import MAX_CHARACTERS, TextEncoder, TextKernel
from app.tasks.vectors import finite, normalized
from app.tasks.view import Prepared, View
from app.tensors import Tensors

MAX_SENTENCES = 4_000  # to compare with one; a summary reads as many
END = Literal["left", "right"]


class EmbeddingConfig(Schema):
    """The graph maps `input_ids` and `attention_mask` [batch, tokens] to `embedding` fp32 [batch, width]."""

    tokenizer: str
    max_tokens: Annotated[int, Field(ge=8, le=1_000_000)]
    has_unit_length: Annotated[bool, Field(description="whether each embedding of the graph has length one")] = False
    prompts: dict[str, str] = Field({}, description="what a caller may have put before a text, by name")
    aliases: list[str] = Field([], description="other names by which clients may call the model")


class PassageInput(Schema):
    text: Annotated[str, Field(description="any Unicode text", examples=["The ferry leaves at seven."])]


class FeatureExtractionParameters(Schema):
    normalize: Annotated[bool, Field(description="scale the vector to length one")] = True
    prompt_name: Annotated[str | None, Field(description="which of the model's prompts to put before the text")] = None
    truncate: Annotated[bool, Field(description="cut a text that is too long, instead of refusing it")] = False
    truncation_direction: Annotated[END, Field(description="at which end it is cut; needs truncate")] = "right"
    dimensions: Annotated[
        int | None,
        Field(
            ge=1,
            le=100_000,
            description="keep only so many numbers from the beginning of the vector, before it is normalized; good "
            "with models that were trained for it",
        ),
    ] = None

    @model_validator(mode="after")
    def _direction_has_an_effect(self) -> Self:
        if "truncation_direction" in self.model_fields_set and not self.truncate:
            raise ValueError('truncation_direction has no effect without "truncate": true')
        return self


class EmbeddingKernel(TextKernel):
    """Its graph makes an `embedding` of each text, whatever that is used for; of length one, unless it says so."""

    has_unit_length = True
    prompts: Mapping[str, str] = {}


class FeatureExtractionKernel(EmbeddingKernel):
    Config = EmbeddingConfig

    def __init__(self, config: EmbeddingConfig, files: Mapping[str, Path]) -> None:
        super().__init__(config, files)
        self.has_unit_length, self.prompts = config.has_unit_length, config.prompts


class SentenceComparison(Schema):
    source_sentence: Annotated[str, Field(examples=["The ferry leaves at seven."])]
    sentences: Annotated[
        list[str],
        FailFast(),
        Field(
            min_length=1,
            max_length=MAX_SENTENCES,
            description="what the source sentence is compared with",
            examples=[["The boat departs in the morning.", "She plays the violin."]],
        ),
    ]


class SentenceSimilarityParameters(Schema):
    truncate: Annotated[
        bool, Field(description="use the beginning of a text that is too long, instead of refusing it")
    ] = False


class SentenceSimilarity(View[EmbeddingKernel]):
    """Compare a sentence with others: the cosine of each to it, from -1 to 1, in their order."""

    contract = Contract(
        "sentence-similarity",
        __qualname__,
        __doc__,
        Input=SentenceComparison,
        Parameters=SentenceSimilarityParameters,
        Output=list[float],
        example={
            "source_sentence": "The ferry leaves at seven.",
            "sentences": ["The boat departs in the morning.", "She plays the violin."],
        },
    )

    def preprocess(self, item: SentenceComparison, parameters: SentenceSimilarityParameters) -> Prepared:
        encoder, is_cut = self.kernel.encoder, parameters.truncate
        return Prepared(
            [_row(encoder, item.source_sentence, is_cut, "source_sentence")]
            + [_row(encoder, text, is_cut, "sentences", i) for i, text in enumerate(item.sentences)]
        )

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: SentenceSimilarityParameters
    ) -> list[float]:
        vectors = np.stack([normalized(finite(answer["embedding"])) for answer in answers])
        cosines: list[float] = (vectors[1:] @ vectors[0]).clip(-1, 1).tolist()
        return cosines


class FeatureExtraction(View[EmbeddingKernel]):
    """Turn each text into a vector whose direction stands for its meaning."""

    contract = Contract(
        "feature-extraction",
        __qualname__,
        __doc__,
        Input=PassageInput,
        Parameters=FeatureExtractionParameters,
        Output=list[float],
        example={"text": "The ferry leaves at seven."},
    )

    def answers_quickly(self, answers: Sequence[Tensors]) -> bool:
        return True

    def check(self, parameters: FeatureExtractionParameters) -> None:
        if self.kernel.has_unit_length and not parameters.normalize and parameters.dimensions is None:
            raise InvalidInput("the graph gives vectors of length one, and others cannot be had").under("normalize")
        if parameters.prompt_name is not None and parameters.prompt_name not in self.kernel.prompts:
            there = ", ".join(self.kernel.prompts) or "none"
            raise InvalidInput(f"no prompt {parameters.prompt_name!r:.40}; there are: {there}").under("prompt_name")

    def foreseen(self, item: PassageInput, parameters: FeatureExtractionParameters) -> Sequence[int]:
        return self.kernel.foreseen(item.text, is_cut=parameters.truncate)

    def preprocess(self, item: PassageInput, parameters: FeatureExtractionParameters) -> Prepared:
        prompt = "" if parameters.prompt_name is None else self.kernel.prompts[parameters.prompt_name]
        cut = parameters.truncation_direction
        return Prepared([_row(self.kernel.encoder, item.text, parameters.truncate, "text", prompt=prompt, cut=cut)])

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: FeatureExtractionParameters
    ) -> Any:
        vector = finite(answers[0]["embedding"])
        if parameters.dimensions is not None:
            if parameters.dimensions > len(vector):
                reason = f"the model's vectors have {len(vector)} numbers"
                raise InvalidInput(reason).under("parameters", "dimensions")
            vector = vector[: parameters.dimensions]
        numbers: list[float] = (normalized(vector) if parameters.normalize else vector).tolist()
        return numbers


class CountedEmbedding(BaseModel):
    vector: list[float]
    tokens: Annotated[int, Field(description="of the text, as the model reads it")]


class TextEmbedding(FeatureExtraction):
    """Turn each text into a vector whose direction stands for its meaning, and count its tokens."""

    contract = Contract(
        "text-embedding",
        __qualname__,
        __doc__,
        Input=PassageInput,
        Parameters=FeatureExtractionParameters,
        Output=CountedEmbedding,
        example={"text": "The ferry leaves at seven."},
    )

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: FeatureExtractionParameters
    ) -> Any:
        vector = super().postprocess(prepared, answers, parameters)
        return CountedEmbedding(vector=vector, tokens=len(prepared.rows[0]["input_ids"]))


def _row(
    encoder: TextEncoder, text: str, truncate: bool, *loc: str | int, prompt: str = "", cut: END = "right"
) -> Tensors:
    try:
        if prompt:
            encoder.require_tokens(text[:MAX_CHARACTERS])  # the prompt's do not count
        return encoder.encode(prompt + text, truncate=truncate, cut=cut)
    except InvalidInput as error:
        raise error.under(*loc) from None
