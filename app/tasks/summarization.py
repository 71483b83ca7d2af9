"""Summarise a text by its own most telling sentences."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, Field, model_validator

from app.abandoned import require_wanted
from app.errors import InvalidInput
from app.tasks.contract import Contract
from app.tasks.embeddings import EmbeddingKernel
from app.tasks.lexrank import (
    Choice,
    Floats,
    choose,
    lexrank,
    relevance,
    similarities,
    start_of_report,
    word_centrality,
)
from app.tasks.schema import Schema
from app.tasks.segmentation.words import joined, words
from app.tasks.sentences import Sentence, sentences
from app.tasks.text import require_visible
from app.tasks.view import Prepared, View
from app.tensors import Tensors

MAX_CHARACTERS = 1_000_000  # a book's
MAX_SENTENCES = 4_000  # over a hundred pages
# Of a longer text the network reads only the sentences whose words say most: each costs it some milliseconds, and
# a book must not keep everyone else waiting for half a minute.
MAX_ROWS = 512
_MIN_WORDS = 4  # of a sentence worth choosing, as long as there are others
_CHARACTERS_PER_TOKEN = 8  # more than any prose has; a longer sentence is cut before it costs time to encode


POOL = (
    "The old swimming pool in the harbour will open again in June. The town council agreed on Monday to "
    "pay for new pumps and a heated changing room. The pool was closed four years ago after a storm had broken "
    "its wall. Swimmers had collected nine thousand signatures to save it. A ticket will cost four euros, and "
    "children swim for free. The council expects sixty thousand visitors in the first year."
)


class SummarizationConfig(Schema):
    """The graph maps `input_ids` and `attention_mask` [batch, tokens] to `embedding` fp32 [batch, width],
    each of length one. The numbers below `max_tokens` are those of app/tasks/lexrank.py: `position_reach` is the
    `reach` of its `relevance`, and without `kinship` every text starts with its first sentence."""

    tokenizer: str
    max_tokens: Annotated[int, Field(ge=8, le=1_000_000)]
    position_weight: Annotated[float, Field(ge=0)] = 0.25
    position_reach: Annotated[int | None, Field(ge=1)] = None
    kinship: Annotated[float, Field(ge=0, le=1)] = 0
    mmr_lambda: Annotated[float, Field(ge=0, le=1)] = 0.7
    damping: Annotated[float, Field(ge=0, lt=1)] = 0.85


class ArticleInput(Schema):
    text: Annotated[
        str,
        Field(
            description=f"plain text, Markdown or HTML of up to {MAX_CHARACTERS} characters",
            examples=["A storm has damaged the pier. The ferry stays in port. It sails again on Friday."],
        ),
    ]


class SummarizationParameters(Schema):
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
            "own tokenizer counts them, but at least one sentence",
        ),
    ] = None
    truncate: Annotated[
        bool,
        Field(description=f"use the first {MAX_SENTENCES} sentences of a text that has more, instead of refusing it"),
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
        return self.max_sentences if self.max_words is None and self.max_tokens is None else 1


class SummarySentence(BaseModel):
    text: Annotated[str, Field(description="the sentence, without markup")]
    start: Annotated[int, Field(ge=0, description="where it starts in the input, in characters (Unicode code points)")]
    end: Annotated[int, Field(ge=0, description="where it ends in the input")]
    score: Annotated[float, Field(ge=0, le=1, description="how telling it is: central to the text, and early in it")]


class Summary(BaseModel):
    summary_text: str
    sentences: Annotated[list[SummarySentence], Field(description="what was chosen, in the order of the input")]


class Selection(NamedTuple):
    """The candidates of a text, how alike they are, [n, n], how central, [n], how telling, [n], and what was chosen."""

    sentences: Sequence[Sentence]
    cosines: Floats
    centrality: Floats
    scores: Floats
    choices: Sequence[Choice]


class SummarizationKernel(EmbeddingKernel):
    Config = SummarizationConfig

    def __init__(self, config: SummarizationConfig, files: Mapping[str, Path]) -> None:
        super().__init__(config, files)
        self.config = config


class Summarization(View[SummarizationKernel]):
    """Choose the sentences that best stand for a text, each with its place in the input. Nothing is made up."""

    contract = Contract(
        "summarization",
        __qualname__,
        __doc__,
        Input=ArticleInput,
        Parameters=SummarizationParameters,
        Output=Summary,
        example={"text": POOL},
        body_bytes=8_000_000,
    )

    def __init__(self, kernel: SummarizationKernel) -> None:
        super().__init__(kernel)
        self.config, self.encoder = kernel.config, kernel.encoder

    def preprocess(self, item: ArticleInput, parameters: SummarizationParameters) -> Prepared:
        found = self._shortlist(_candidates(item.text, parameters), parameters)
        try:
            # One sentence is its own summary.
            rows = [self._row(sentence) for sentence in found] if len(found) > 1 else []
        except InvalidInput as error:
            raise error.under("text") from None
        return Prepared(rows, context=found)

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: SummarizationParameters
    ) -> Summary:
        selection = self.select(prepared, answers, parameters)
        chosen = sorted(choice.sentence for choice in selection.choices)
        return _summary([selection.sentences[i] for i in chosen], [float(selection.scores[i]) for i in chosen])

    def select(self, prepared: Prepared, answers: Sequence[Tensors], parameters: SummarizationParameters) -> Selection:
        """Choose sentences by their embeddings; one sentence needs none."""
        found: list[Sentence] = prepared.context
        if not answers:
            one = np.ones(1, np.float32)
            return Selection(found, np.zeros((1, 1), np.float32), one, one, [Choice(0, 0.0)])
        cosines = similarities(np.stack([answer["embedding"] for answer in answers]).astype(np.float32))
        centrality = lexrank(cosines, self.config.damping)
        scores = relevance(
            centrality,
            self.config.position_weight,
            start=start_of_report(cosines, self.config.kinship),
            reach=self.config.position_reach,
        )
        budget, lengths = None, []
        if parameters.max_words is not None:
            budget, lengths = parameters.max_words, [len(words(sentence.text)) for sentence in found]
        elif parameters.max_tokens is not None:
            budget, lengths = parameters.max_tokens, [self.encoder.num_tokens(sentence.text) for sentence in found]
        limit = parameters.max_sentences if budget is None else None
        choices = choose(
            scores, cosines, self.config.mmr_lambda, max_sentences=limit, lengths=lengths, max_length=budget
        )
        return Selection(found, cosines, centrality, scores, choices)

    def _shortlist(self, found: list[Sentence], parameters: SummarizationParameters) -> list[Sentence]:
        size = max(MAX_ROWS, parameters.fewest_sentences)
        if len(found) <= size:
            return found
        centrality = word_centrality([words(sentence.text) for sentence in found])
        scores = relevance(centrality, self.config.position_weight, reach=self.config.position_reach)
        return [found[i] for i in sorted(np.argsort(-scores, kind="stable")[:size])]

    def _row(self, sentence: Sentence) -> Tensors:
        require_wanted()
        return self.encoder.encode(sentence.text[: self.encoder.max_tokens * _CHARACTERS_PER_TOKEN], truncate=True)


def _candidates(text: str, parameters: SummarizationParameters) -> list[Sentence]:
    """The sentences to choose from. Raises InvalidInput if there are none, or too many."""
    if len(text) > MAX_CHARACTERS:
        reason = f"the text has {len(text)} characters and a summary reads at most {MAX_CHARACTERS}"
        raise InvalidInput(reason).under("text")
    try:
        require_visible(text)
    except InvalidInput as error:
        raise error.under("text") from None
    found, total = sentences(text, MAX_SENTENCES)
    if not found:
        raise InvalidInput("the text has no letters, so there is nothing to summarise").under("text")
    if total > MAX_SENTENCES and not parameters.truncate:
        raise InvalidInput(
            f"the text has {total} sentences and a summary reads at most {MAX_SENTENCES}; "
            'shorten it, or send "truncate": true in parameters to use its beginning'
        ).under("text")
    telling = [sentence for sentence in found if len(words(sentence.text)) >= _MIN_WORDS]
    return telling if len(telling) >= parameters.fewest_sentences else found


def _summary(chosen: Sequence[Sentence], scores: Sequence[float]) -> Summary:
    return Summary(
        summary_text=joined(sentence.text for sentence in chosen),
        sentences=[
            SummarySentence(text=sentence.text, start=sentence.start, end=sentence.end, score=min(score, 1.0))
            for sentence, score in zip(chosen, scores, strict=True)
        ],
    )
