"""Find and label parts of a text: names, places, whatever a model was trained to find."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, Field
from tokenizers import Encoding

from app.errors import InferenceFailed, InvalidInput
from app.tasks.contract import Contract
from app.tasks.schema import OneFault, Schema
from app.tasks.text import to_unicode
from app.tasks.token_answers import TokenAnswersKernel
from app.tasks.view import Prepared, View
from app.tensors import Array, Tensors

MOST_IGNORED = 100
OUTSIDE = "O"  # of tokens that are part of nothing (Ramshaw and Marcus, 1995)

Strategy = Literal["none", "simple", "first", "average", "max"]


class TokenClassificationConfig(Schema):
    """The graph maps `input_ids` and `attention_mask` [batch, tokens] to `logits` [batch, tokens, labels]."""

    labels: Annotated[list[str], Field(min_length=1)]
    tokenizer: str
    max_tokens: Annotated[int, Field(ge=8, le=1_000_000)]
    unknown_token: Annotated[str | None, Field(description="that stands for a word which the tokenizer lacks")] = None


class EntitiesInput(Schema):
    text: Annotated[str, Field(description="any Unicode text", examples=["Anna Novak lives in Lisbon."])]


class TokenClassificationParameters(Schema):
    aggregation_strategy: Annotated[
        Strategy,
        Field(
            description="none: each token by itself; simple: neighbours of one label together; first, average, max: "
            "the same, after all tokens of a word have got the label of the first, the mean, or the surest of them"
        ),
    ] = "simple"
    ignore_labels: Annotated[
        list[str],
        OneFault(),
        Field(
            default_factory=lambda: [OUTSIDE],
            max_length=MOST_IGNORED,
            description=f'labels that are left out, by default "{OUTSIDE}"',
        ),
    ]
    truncate: Annotated[
        bool, Field(description="use the beginning of a text that is too long, instead of refusing it")
    ] = False


class Entity(BaseModel):
    label: Annotated[str, Field(description="without B- and I-, unless tokens are asked for", examples=["PER"])]
    score: Annotated[float, Field(description="probability of the label, the mean over what was put together")]
    word: Annotated[str, Field(description="as it stands in the text", examples=["Anna Novak"])]
    start: Annotated[int, Field(ge=0, description="where it starts in the text, in characters (Unicode code points)")]
    end: Annotated[int, Field(ge=0, description="where it ends in the text")]


class TokenClassificationKernel(TokenAnswersKernel):
    Config = TokenClassificationConfig

    def __init__(self, config: TokenClassificationConfig, files: Mapping[str, Path]) -> None:
        super().__init__(config, files)
        self.labels = config.labels
        self.unknown_id = self.encoder.token_id(config.unknown_token) if config.unknown_token else None
        self.class_names = {"logits": self.labels}


@dataclass(frozen=True, slots=True)
class LabelledPart:
    """A token, or the tokens of a word: `scores` [labels] are probabilities, `label` and `score` the chosen ones."""

    scores: Array
    start: int
    end: int
    continues: bool = False

    @property
    def label(self) -> int:
        return int(self.scores.argmax())

    @property
    def score(self) -> float:
        return float(self.scores.max())


CHOSEN: Mapping[Strategy, Callable[[Sequence[LabelledPart]], Array]] = {
    "first": lambda parts: parts[0].scores,
    "average": lambda parts: np.asarray(np.mean([part.scores for part in parts], axis=0)),
    "max": lambda parts: max(parts, key=lambda part: part.score).scores,
}
"""The scores of a word, of those of its tokens."""


class TokenClassification(View[TokenClassificationKernel]):
    """Find parts of each text and label them, each with its score and its place."""

    contract = Contract(
        "token-classification",
        __qualname__,
        __doc__,
        Input=EntitiesInput,
        Parameters=TokenClassificationParameters,
        Output=list[Entity],
        example={"text": "Anna Novak lives in Lisbon."},
        body_bytes=4_000_000,
    )

    def foreseen(self, item: EntitiesInput, parameters: TokenClassificationParameters) -> Sequence[int]:
        return self.kernel.foreseen(item.text, is_cut=parameters.truncate)

    def preprocess(self, item: EntitiesInput, parameters: TokenClassificationParameters) -> Prepared:
        try:
            tokens = self.kernel.encoder.tokens(item.text, truncate=parameters.truncate)
        except InvalidInput as error:
            raise error.under("text") from None
        return Prepared([self.kernel.encoder.row(tokens.ids)], context=(to_unicode(item.text), tokens))

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: TokenClassificationParameters
    ) -> list[Entity]:
        text, tokens = prepared.context
        parts, labels = self._parts(text, tokens, answers[0]["logits"]), self.kernel.labels
        strategy = parameters.aggregation_strategy
        if strategy in CHOSEN:
            parts = [_joined(word, CHOSEN[strategy](word)) for word in _words(parts)]
        groups = [[part] for part in parts] if strategy == "none" else _runs(parts, labels)
        found = [_entity(text, group, labels, is_token=strategy == "none") for group in groups]
        return [entity for entity in found if entity.label not in parameters.ignore_labels]

    def _parts(self, text: str, tokens: Encoding, logits: Array) -> list[LabelledPart]:
        if not np.isfinite(logits).all():
            raise InferenceFailed("the model gave scores that are not numbers")
        exponents = np.exp(logits - logits.max(-1, keepdims=True))
        scores = exponents / exponents.sum(-1, keepdims=True)
        return [
            LabelledPart(one, *tokens.offsets[at], self._continues(text, tokens, at))
            for at, (is_added, one) in enumerate(zip(tokens.special_tokens_mask, scores, strict=True))
            if not is_added
        ]

    def _continues(self, text: str, tokens: Encoding, at: int) -> bool:
        """Whether a token goes on with the word before it: it is marked so, or no blank stands before it."""
        start, end = tokens.offsets[at]
        if tokens.ids[at] == self.kernel.unknown_id:
            return False
        if self.kernel.encoder.marks_continuations:
            return len(tokens.tokens[at]) != end - start
        return start > 0 and " " not in text[start - 1 : start + 1]


def _words(parts: Sequence[LabelledPart]) -> list[list[LabelledPart]]:
    words: list[list[LabelledPart]] = []
    for part in parts:
        if words and part.continues:
            words[-1].append(part)
        else:
            words.append([part])
    return words


def _joined(word: Sequence[LabelledPart], scores: Array) -> LabelledPart:
    return LabelledPart(scores, word[0].start, word[-1].end)


def _runs(parts: Sequence[LabelledPart], labels: Sequence[str]) -> list[list[LabelledPart]]:
    """Neighbours of one kind; one that begins with B- begins another run."""
    runs: list[list[LabelledPart]] = []
    for part in parts:
        if runs and not labels[part.label].startswith("B-") and _kind(part, labels) == _kind(runs[-1][-1], labels):
            runs[-1].append(part)
        else:
            runs.append([part])
    return runs


def _kind(part: LabelledPart, labels: Sequence[str]) -> str:
    label = labels[part.label]
    return label[2:] if label[:2] in ("B-", "I-") else label


def _entity(text: str, parts: Sequence[LabelledPart], labels: Sequence[str], *, is_token: bool) -> Entity:
    start, end = parts[0].start, parts[-1].end
    label = labels[parts[0].label]
    return Entity(
        label=label if is_token else label.split("-", 1)[-1],
        score=float(np.mean([part.score for part in parts])),
        word=text[start:end],
        start=start,
        end=end,
    )
