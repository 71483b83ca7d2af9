"""Answer a question with a part of a text."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field
from tokenizers import Encoding

from app.errors import InferenceFailed
from app.tasks.contract import Contract
from app.tasks.labels import softmax
from app.tasks.schema import Schema
from app.tasks.text import to_unicode
from app.tasks.text_pairs import PairConfig, PairKernel
from app.tasks.token_answers import TokenAnswersKernel
from app.tasks.view import Prepared, View
from app.tensors import Array, Tensors

MOST_ITEMS = 16  # of a request: a long context makes many rows
CONTEXT = 1  # of the two texts, the one in which answers stand
START, END = 0, 1  # the two outputs of each token


class QuestionAnsweringConfig(PairConfig):
    """The graph's `logits` are [batch, tokens, 2]: whether an answer starts, and ends, with each token."""


class QuestionInput(Schema):
    question: Annotated[str, Field(examples=["When does the ferry leave?"])]
    context: Annotated[str, Field(description="the text that may hold the answer", examples=["It leaves at seven."])]


class QuestionAnsweringParameters(Schema):
    top_k: Annotated[int, Field(ge=1, le=100, description="how many answers to return")] = 1
    max_answer_len: Annotated[int, Field(ge=1, le=1000, description="the most tokens of an answer")] = 15
    doc_stride: Annotated[
        int, Field(ge=0, le=10_000, description="tokens that two parts of a long context have in common")
    ] = 128
    handle_impossible_answer: Annotated[
        bool, Field(description='whether "" may be the answer, where the context has none')
    ] = False
    align_to_words: Annotated[bool, Field(description="let an answer begin and end with whole words")] = True


class FoundAnswer(BaseModel):
    answer: Annotated[str, Field(description='as it stands in the context; "" if there is none')]
    score: Annotated[float, Field(description="probability of its start times that of its end")]
    start: Annotated[int, Field(ge=0, description="where it starts in the context, in characters")]
    end: Annotated[int, Field(ge=0, description="where it ends in the context")]


class QuestionAnsweringKernel(TokenAnswersKernel, PairKernel):
    Config = QuestionAnsweringConfig

    def __init__(self, config: QuestionAnsweringConfig, files: Mapping[str, Path]) -> None:
        super().__init__(config, files)


class QuestionAnswering(View[QuestionAnsweringKernel]):
    """Find the part of a context that answers a question, with its score and its place, best first."""

    contract = Contract(
        "question-answering",
        __qualname__,
        __doc__,
        Input=QuestionInput,
        Parameters=QuestionAnsweringParameters,
        Output=list[FoundAnswer],
        example={
            "question": "When does the ferry leave?",
            "context": "The ferry leaves the harbour at seven in the morning.",
        },
        max_items=MOST_ITEMS,
    )

    def preprocess(self, item: QuestionInput, parameters: QuestionAnsweringParameters) -> Prepared:
        encoder = self.kernel.encoder
        texts = (item.question, ("question",)), (item.context, ("context",))
        windows = encoder.windows(texts, parameters.doc_stride)
        return Prepared([encoder.pair_row(one) for one in windows], context=(to_unicode(item.context), windows))

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: QuestionAnsweringParameters
    ) -> list[FoundAnswer]:
        text, windows = prepared.context
        found, nothing = list[FoundAnswer](), 1.0
        for window, answer in zip(windows, answers, strict=True):
            starts, ends = _probabilities(window, answer["logits"])
            nothing = min(nothing, float(starts[0] * ends[0]))
            found += _best_spans(text, window, starts, ends, parameters)
        if parameters.handle_impossible_answer:
            found.append(FoundAnswer(answer="", score=nothing, start=0, end=0))
        found = list({(one.start, one.end): one for one in sorted(found, key=lambda one: one.score)}.values())
        return sorted(found, key=lambda one: -one.score)[: parameters.top_k]


def _probabilities(window: Encoding, logits: Array) -> tuple[Array, Array]:
    """Of each token to be the first, and the last, of an answer: of the context's, and of the very first, for none."""
    if not np.isfinite(logits).all():
        raise InferenceFailed("the model gave scores that are not numbers")
    is_context = np.array([sequence == CONTEXT for sequence in window.sequence_ids])
    is_context[0] = True
    chosen = np.where(is_context[:, None], logits, -np.inf)
    return softmax(chosen[:, START]), softmax(chosen[:, END])


def _best_spans(
    text: str, window: Encoding, starts: Array, ends: Array, parameters: QuestionAnsweringParameters
) -> list[FoundAnswer]:
    scores = np.tril(np.triu(np.outer(starts, ends)), parameters.max_answer_len - 1)
    scores[0] = 0  # the place of no answer
    likely = np.flatnonzero(scores)
    found = dict[tuple[int, int], FoundAnswer]()
    for one in likely[np.argsort(-scores.ravel()[likely], kind="stable")].tolist():
        first, last = divmod(one, len(starts))
        start, end = _place(window, first, last, parameters.align_to_words)
        answer = FoundAnswer(answer=text[start:end], score=float(scores[first, last]), start=start, end=end)
        found.setdefault((start, end), answer)  # of several that are one when whole words are taken, the likeliest
        if len(found) == parameters.top_k:
            break
    return list(found.values())


def _place(window: Encoding, first: int, last: int, is_aligned: bool) -> tuple[int, int]:
    """The characters of the context from token `first` to token `last`, or of the words that these are part of."""
    (start, _), (_, end) = window.offsets[first], window.offsets[last]
    if is_aligned:
        start, end = _word(window, first, start, end)[0], _word(window, last, start, end)[1]
    return start, end


def _word(window: Encoding, token: int, start: int, end: int) -> tuple[int, int]:
    """The characters of the word that `token` is part of; from `start` to `end` if it is part of none."""
    word = window.token_to_word(token)
    place = None if word is None else window.word_to_chars(word, CONTEXT)
    return place or (start, end)
