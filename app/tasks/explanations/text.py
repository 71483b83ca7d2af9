"""Why a text has a label: what each word adds to the label's score."""

import re
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import BaseModel, Field
from tokenizers import Encoding

from app.errors import InvalidInput
from app.tasks.contract import Contract
from app.tasks.explanations.base import MOST_ITEMS, NAME, Explanation, log_odds, one_label, require_label, rounded
from app.tasks.explanations.coalitions import Kept, shapley_values, subsets
from app.tasks.segmentation.words import HAN
from app.tasks.text import to_unicode
from app.tasks.text_classification import (
    TextClassification,
    TextClassificationKernel,
    TextClassificationParameters,
    TextInput,
)
from app.tasks.view import Prepared
from app.tensors import Array, Tensors

MAX_ROWS = 128  # of one text: all subsets of seven words, a sample of those of more
MAX_WORDS = 48  # of a longer text, neighbours are left out together
_WORD = re.compile(rf"[{HAN}]|[^\W{HAN}]+(?:['’-][^\W{HAN}]+)*|[^\w\s]+")


class TextExplanationParameters(TextClassificationParameters):
    label: Annotated[str | None, Field(description="the label to explain; by default the best one")] = None
    top_k: Annotated[
        int | None,
        Field(ge=1, le=10_000, description="as in a prediction, whose parameters may be sent as they are; no effect"),
    ] = None


class WeighedWord(BaseModel):
    text: Annotated[
        str,
        Field(
            description=f"a word, or a run of punctuation or emoji; a phrase, in a text of more than {MAX_WORDS} words"
        ),
    ]
    start: Annotated[int, Field(ge=0, description="where it starts in the input, in characters (Unicode code points)")]
    end: Annotated[int, Field(ge=0, description="where it ends in the input")]
    weight: Annotated[
        float,
        Field(
            description="what it adds to the log-odds of the label, or to its logit with function_to_apply none; "
            "negative if it speaks against the label"
        ),
    ]


class TextReasons(BaseModel):
    label: Annotated[str, Field(description="the label that is explained", examples=["positive"])]
    score: Annotated[float, Field(description="its score, as in the prediction")]
    score_without: Annotated[
        float,
        Field(description="its score when every word is left out; in log-odds, the weights are what lies between"),
    ]
    words: Annotated[list[WeighedWord], Field(description="in the order of the text; what was truncated is not there")]


class Words(NamedTuple):
    """The words that are left out as wholes, and the text's tokens: `word_of` is -1 for those that the model adds."""

    spans: list[tuple[int, int]]
    ids: Array
    word_of: Array


class TextExplanation(Explanation[TextClassificationKernel]):
    """Weigh the words of each text: how much each adds to the log-odds of the label, or takes from them.

    The weights are Shapley values, exact for texts of up to seven words; of longer ones they are estimated from 128
    versions of the text with words left out.
    """

    contract = Contract(
        NAME,
        __qualname__,
        __doc__,
        Input=TextInput,
        Parameters=TextExplanationParameters,
        Output=TextReasons,
        example=TextClassification.contract.example,
        max_items=MOST_ITEMS,
    )

    def __init__(self, kernel: TextClassificationKernel) -> None:
        super().__init__(kernel)
        self.labels = kernel.labels
        self._nothing = kernel.encoder.token_id("[UNK]") or 0  # where the model adds no tokens of its own

    def check(self, parameters: TextExplanationParameters) -> None:
        require_label(parameters.label, self.kernel.class_names)

    def preprocess(self, item: TextInput, parameters: TextExplanationParameters) -> Prepared:
        words = self.divided(item, parameters)
        kept = subsets(len(words.spans), MAX_ROWS)
        return Prepared([self.row(words, each) for each in kept], context=(item.text, words, kept))

    def divided(self, item: TextInput, parameters: TextExplanationParameters) -> Words:
        """Raises InvalidInput as a prediction does."""
        try:
            tokens = self.kernel.encoder.tokens(item.text, truncate=parameters.truncate)
        except InvalidInput as error:
            raise error.under("text") from None
        return words_of(item.text, tokens)

    def row(self, words: Words, kept: Kept) -> Tensors:
        """The text without the words that are not `kept`; of a text without tokens the model's own remain."""
        left = words.ids[(words.word_of < 0) | kept[words.word_of]]
        return self.kernel.encoder.row(left if len(left) else [self._nothing])

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: TextExplanationParameters
    ) -> TextReasons:
        text, words, kept = prepared.context
        function = parameters.function_to_apply or self.kernel.function_to_apply
        scores = np.stack([self.kernel.scores(answer, function) for answer in answers]).astype(np.float64)
        label = one_label(scores, self.labels, parameters.label)
        of_label = scores[:, label]
        values = of_label if function == "none" else log_odds(of_label)
        weights = rounded(shapley_values(kept, values))
        return TextReasons(
            label=self.labels[label],
            score=float(scores[0, label]),
            score_without=float(scores[1, label]),
            words=[
                WeighedWord(text=to_unicode(text[start:end]), start=start, end=end, weight=weight)
                for (start, end), weight in zip(words.spans, weights, strict=True)
            ],
        )


def words_of(text: str, tokens: Encoding) -> Words:
    """Words of which there are tokens, at most MAX_WORDS; of a longer text, runs of as many neighbours each."""
    ids, is_own = np.asarray(tokens.ids, np.int64), np.asarray(tokens.special_tokens_mask, np.bool_)
    begins, ends = np.asarray(tokens.offsets, np.int64).reshape(-1, 2).T
    spans = whole_words(text, begins[~is_own], ends[~is_own])
    # What stands before the first word goes with it.
    span_of = np.maximum(np.searchsorted([start for start, _ in spans], begins, side="right") - 1, 0)
    read = np.unique(span_of[~is_own])
    num_words = min(len(read), MAX_WORDS)
    word_of_read = np.arange(len(read)) * num_words // len(read)
    first = np.searchsorted(word_of_read, np.arange(num_words))
    last = np.append(first[1:], len(read)) - 1
    words = [(spans[read[one]][0], spans[read[other]][1]) for one, other in zip(first, last, strict=True)]
    return Words(words, ids, np.where(is_own, -1, word_of_read[np.searchsorted(read, span_of) % len(read)]))


def whole_words(text: str, begins: Array, ends: Array) -> list[tuple[int, int]]:
    """Spans of words; those that one token (from `begins` to `ends`) joins are one."""
    found: list[tuple[int, int]] = []
    read = ends.max(initial=0)
    for start, end in (match.span() for match in _WORD.finditer(text)):
        if start >= read:  # all of what follows was truncated, and it may be long
            break
        if found and ((begins < start) & (start < ends)).any():
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found or [(0, len(text))]
