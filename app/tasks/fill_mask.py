"""Fill in the words that are left out of a text."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from app.errors import InferenceFailed, InvalidInput
from app.tasks.contract import Contract
from app.tasks.labels import largest, softmax
from app.tasks.schema import OneFault, Schema
from app.tasks.text import TextKernel
from app.tasks.view import Prepared, View
from app.tensors import Array, Tensors

MOST_MASKS = 16  # of a text, which is a row for each
MOST_ITEMS = 16  # of a request: each row is answered with a number for every token that the model knows
MOST_TOKENS = 100  # of a mask, each of which comes with the whole text
MOST_TARGETS = 1000
ASKED = "is_asked"


class FillMaskConfig(Schema):
    """The graph maps `input_ids`, `attention_mask` and `is_asked` [batch, tokens] to `logits` [batch, vocabulary].

    `is_asked` is 1 for the one token for which each row is asked, and else 0.
    """

    tokenizer: str
    max_tokens: Annotated[int, Field(ge=8, le=1_000_000)]
    mask_token: Annotated[str, Field(min_length=1, description="as it is written in a text")]


class MaskedInput(Schema):
    text: Annotated[
        str,
        Field(
            description="a text with the model's mask token, such as [MASK] or <mask>, where a word is left out",
            examples=["The ferry [MASK] at seven."],
        ),
    ]


class FillMaskParameters(Schema):
    top_k: Annotated[int, Field(ge=1, le=MOST_TOKENS, description="how many tokens to return for each mask")] = 5
    targets: Annotated[
        list[str] | None,
        OneFault(),
        Field(min_length=1, max_length=MOST_TARGETS, description="only these tokens, as the tokenizer writes them"),
    ] = None
    truncate: Annotated[
        bool, Field(description="use the beginning of a text that is too long, instead of refusing it")
    ] = False


class FilledMask(BaseModel):
    score: Annotated[float, Field(description="probability of the token in that place")]
    token: Annotated[int, Field(description="its id")]
    token_str: Annotated[str, Field(description="its text")]
    sequence: Annotated[str, Field(description="the text with it, as the tokenizer writes it")]


class FillMaskKernel(TextKernel):
    Config = FillMaskConfig

    def __init__(self, config: FillMaskConfig, files: Mapping[str, Path]) -> None:
        super().__init__(config, files)
        self.mask_token, self.mask_id = config.mask_token, self.encoder.token_id(config.mask_token)

    def row(self, ids: Sequence[int], asked: int) -> Tensors:
        """Return a row that asks for the token at place `asked`."""
        is_asked = np.zeros(len(ids), np.int64)
        is_asked[asked] = 1
        return self.encoder.row(ids) | {ASKED: is_asked}

    def probe(self, length: int) -> Tensors:
        return self.row([1] * length, 0)


class FillMask(View[FillMaskKernel]):
    """Find the likeliest tokens for each mask of a text, the likeliest first."""

    contract = Contract(
        "fill-mask",
        __qualname__,
        __doc__,
        Input=MaskedInput,
        Parameters=FillMaskParameters,
        Output=list[list[FilledMask]],
        example={"text": "The ferry [MASK] at seven."},
        body_bytes=4_000_000,
        max_items=MOST_ITEMS,
    )

    def check(self, parameters: FillMaskParameters) -> None:
        self._targets(parameters)

    def preprocess(self, item: MaskedInput, parameters: FillMaskParameters) -> Prepared:
        kernel = self.kernel
        try:
            ids = kernel.encoder.tokens(item.text, truncate=parameters.truncate).ids
            places = [at for at, id in enumerate(ids) if id == kernel.mask_id]
            if not 0 < len(places) <= MOST_MASKS:
                raise InvalidInput(
                    f"has {len(places) or 'no'} {kernel.mask_token}, and from 1 to {MOST_MASKS} are filled in: "
                    "it stands where a word is left out"
                )
        except InvalidInput as error:
            raise error.under("text") from None
        return Prepared([kernel.row(ids, place) for place in places], context=(ids, places))

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: FillMaskParameters
    ) -> list[list[FilledMask]]:
        ids, places = prepared.context
        return [
            self._filled(ids, place, answer["logits"], parameters, is_single=len(places) == 1)
            for place, answer in zip(places, answers, strict=True)
        ]

    def _filled(
        self, ids: Sequence[int], place: int, logits: Array, parameters: FillMaskParameters, *, is_single: bool
    ) -> list[FilledMask]:
        if not np.isfinite(logits).all():
            raise InferenceFailed("the model gave scores that are not numbers")
        scores, targets = softmax(logits), self._targets(parameters)
        known = np.arange(len(scores)) if targets is None else np.array(targets)
        best = known[largest(scores[known], min(parameters.top_k, len(known)))]
        decode = self.kernel.encoder.decode
        return [
            FilledMask(
                score=float(scores[token]),
                token=token,
                token_str=decode([token], with_special=True),
                # Of several masks the others would not be seen without special tokens.
                sequence=decode([*ids[:place], token, *ids[place + 1 :]], with_special=not is_single),
            )
            for token in best.tolist()
        ]

    def _targets(self, parameters: FillMaskParameters) -> list[int] | None:
        if parameters.targets is None:
            return None
        found = {target: self.kernel.encoder.token_id(target) for target in parameters.targets}
        unknown = [target for target, id in found.items() if id is None]
        if unknown:
            raise InvalidInput(f"{unknown[0]!r:.60} is no token of the model").under("targets")
        return [id for id in found.values() if id is not None]
