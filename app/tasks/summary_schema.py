"""All that callers send to a model that summarises, and get from it as sentences of their text or in its own words."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from app.tasks.schema import Schema

MAX_CHARACTERS = 1_000_000  # a book's
MAX_SENTENCES = 4_000  # over a hundred pages


Mode = Literal["extractive", "abstractive"]


class SummarizationConfig(Schema):
    """The graph maps `input_ids` and `attention_mask` [batch, tokens] to `embedding` fp32 [batch, width],
    each of length one. The numbers below `max_tokens` are those of app/tasks/lexrank.py: `position_reach` is the
    `reach` of its `relevance`, and without `kinship` every text starts with its first sentence. `writer` is a model of
    text generation which writes what is asked for as "abstractive"; without one that cannot be had."""

    tokenizer: str
    max_tokens: Annotated[int, Field(ge=8, le=1_000_000)]
    position_weight: Annotated[float, Field(ge=0)] = 0.25
    position_reach: Annotated[int | None, Field(ge=1)] = None
    kinship: Annotated[float, Field(ge=0, le=1)] = 0
    mmr_lambda: Annotated[float, Field(ge=0, le=1)] = 0.7
    damping: Annotated[float, Field(ge=0, lt=1)] = 0.85
    writer: str | None = None


class ArticleInput(Schema):
    text: Annotated[
        str,
        Field(
            description=f"plain text, Markdown or HTML of up to {MAX_CHARACTERS} characters",
            examples=["A storm has damaged the pier. The ferry stays in port. It sails again on Friday."],
        ),
    ]


class SummarizationParameters(Schema):
    mode: Annotated[
        Mode | None,
        Field(
            description="extractive: sentences of the text, word for word; abstractive: what a model writes, checked "
            "against the text but never verified; if none, whatever this model does by itself"
        ),
    ] = None
    max_sentences: Annotated[int, Field(ge=1, le=MAX_CHARACTERS, description="how many sentences to choose")] = 3
    max_words: Annotated[
        int | None,
        Field(
            ge=1,
            le=MAX_CHARACTERS,
            description="instead of max_sentences: choose sentences of at most so many words together, but at least "
            "one sentence; each Chinese or Japanese character counts as a word",
        ),
    ] = None
    max_tokens: Annotated[
        int | None,
        Field(
            ge=1,
            le=MAX_CHARACTERS,
            description="instead of max_sentences: choose sentences of at most so many tokens together, as the model's "
            "own tokenizer counts them, but at least one sentence; a model that writes is cut off there",
        ),
    ] = None
    truncate: Annotated[
        bool,
        Field(
            description=f"use the first {MAX_SENTENCES} sentences of a text that has more, or of a text for a model "
            "that writes as much as it reads, instead of refusing it"
        ),
    ] = False

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        limits = (
            self.max_words,
            self.max_tokens,
            self.max_sentences if "max_sentences" in self.model_fields_set else None,
        )
        if sum(limit is not None for limit in limits) > 1:
            raise ValueError("send only one of max_sentences, max_words and max_tokens")
        return self

    @property
    def fewest_sentences(self) -> int:
        """Return how many candidates are needed, if the text has them."""
        return 1 if self.has_budget else self.max_sentences

    @property
    def has_budget(self) -> bool:
        """Whether words or tokens limit the length, and not sentences."""
        return self.max_words is not None or self.max_tokens is not None


class SummarySentence(BaseModel):
    text: Annotated[str, Field(description="the sentence, without markup")]
    start: Annotated[int, Field(ge=0, description="where it starts in the input, in characters (Unicode code points)")]
    end: Annotated[int, Field(ge=0, description="where it ends in the input")]
    score: Annotated[float, Field(ge=0, le=1, description="how telling it is: central to the text, and early in it")]


class Summary(BaseModel):
    summary_text: str
    sentences: Annotated[list[SummarySentence], Field(description="what was chosen, in the order of the input")]


class UnsupportedWords(BaseModel):
    start: Annotated[int, Field(ge=0, description="where they start in the summary, in characters")]
    end: Annotated[int, Field(ge=0, description="where they end")]
    text: str


class OwnWords(BaseModel):
    """A summary that the very model wrote, in its own words."""

    summary_text: str
    generated: Literal[True] = True
    verified: Annotated[Literal[False], Field(description="never: nobody verifies what it says")] = False
    unsupported: Annotated[
        list[UnsupportedWords] | None,
        Field(description="names and numbers of the summary that the text does not have; null if the text is not "
        "English, as no other is checked"),
    ]  # fmt: skip
    is_complete: Annotated[bool, Field(description="false if the summary did not come to an end where it had to")]
    is_truncated: Annotated[bool, Field(description="true if only the beginning of the text was read")]
