"""Summarise a text by its own most telling sentences."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from app.abandoned import require_wanted
from app.errors import InvalidInput
from app.tasks.abstractive import MOST_SENTENCES, MOST_TOKENS, ReadToWrite, WrittenSummary, write
from app.tasks.contract import Contract
from app.tasks.embeddings import EmbeddingKernel, FeatureExtraction
from app.tasks.faithfulness import source_of
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
from app.tasks.segmentation.words import joined, words
from app.tasks.sentences import Sentence, sentences
from app.tasks.summary_schema import (
    MAX_CHARACTERS,
    MAX_SENTENCES,
    ArticleInput,
    OwnWords,
    SummarizationConfig,
    SummarizationParameters,
    Summary,
    SummarySentence,
)
from app.tasks.text import require_visible
from app.tasks.view import Inquiry, Prepared, View
from app.tensors import Tensors

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
    """Choose the sentences that best stand for a text, each with its place in the input. Nothing is made up, unless a
    summary that a model writes is asked for ("mode": "abstractive")."""

    contract = Contract(
        "summarization",
        __qualname__,
        __doc__,
        Input=ArticleInput,
        Parameters=SummarizationParameters,
        Output=Summary | WrittenSummary | OwnWords,
        example={"text": POOL},
        body_bytes=8_000_000,
    )

    def __init__(self, kernel: SummarizationKernel) -> None:
        super().__init__(kernel)
        self.config, self.encoder = kernel.config, kernel.encoder

    def check(self, parameters: SummarizationParameters) -> None:
        if parameters.mode == "abstractive" and self.config.writer is None:
            raise InvalidInput(
                "this version names no model that writes, so its summaries are extractive: leave mode out, or ask one "
                'whose config has a "writer"'
            ).under("mode")

    def is_composed(self, parameters: SummarizationParameters) -> bool:
        return parameters.mode == "abstractive"

    async def compose(self, item: ArticleInput, parameters: SummarizationParameters, ask: Inquiry) -> WrittenSummary:
        assert self.config.writer is not None
        (read,) = await ask.itself(_Reading(self.kernel), [item], parameters)
        count = MOST_SENTENCES if parameters.has_budget else min(parameters.max_sentences, MOST_SENTENCES)
        embedder = FeatureExtraction(self.kernel)
        return await write(read, count, lambda texts: self._fits(texts, parameters), embedder, self.config.writer, ask)

    def _fits(self, texts: Sequence[str], parameters: SummarizationParameters) -> bool:
        if parameters.max_words is not None:
            return sum(len(words(text)) for text in texts) <= parameters.max_words
        if parameters.max_tokens is not None:
            return sum(self.encoder.num_tokens(text) for text in texts) <= parameters.max_tokens
        return True

    def preprocess(self, item: ArticleInput, parameters: SummarizationParameters) -> Prepared:
        found = self._shortlist(_candidates(item.text, parameters), parameters)
        try:
            # One sentence is its own summary.
            rows = [self._row(sentence) for sentence in found] if len(found) > 1 else []
        except InvalidInput as error:
            raise error.under("text") from None
        return Prepared(rows, context=found)

    def postprocess(self, prepared: Prepared, answers: Sequence[Tensors], parameters: SummarizationParameters) -> Any:
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


class _Reading(Summarization):
    """A text as a summary is written of it: its sentences with their embeddings and facts, and the choices of them."""

    def is_composed(self, parameters: SummarizationParameters) -> bool:
        return False

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: SummarizationParameters
    ) -> ReadToWrite:
        selection = self.select(prepared, answers, parameters)
        found = selection.sentences
        lengths = [self.encoder.num_tokens(one.text) for one in found]
        telling = (
            range(len(found))
            if sum(lengths) <= MOST_TOKENS
            else sorted(
                one.sentence
                for one in choose(
                    selection.scores,
                    selection.cosines,
                    self.config.mmr_lambda,
                    lengths=lengths,
                    max_length=MOST_TOKENS,
                )
            )
        )
        return ReadToWrite(
            found,
            np.stack([answer["embedding"] for answer in answers]) if answers else np.zeros((0, 0), np.float32),
            source_of([one.text for one in found]),
            sorted(one.sentence for one in selection.choices),
            telling,
        )


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
