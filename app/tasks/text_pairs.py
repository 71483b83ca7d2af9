"""The parts that all kernels share whose network reads two texts together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from tokenizers import Encoding

from app.errors import InvalidInput
from app.tasks.schema import Schema
from app.tasks.text import MAX_CHARACTERS, TYPES, TextEncoder, TextKernel
from app.tensors import Tensors

LEAST_WINDOW = 8  # tokens of a long text that are read at a time
MOST_WINDOWS = 64  # of one text, which is a row for each
Place = tuple[str | int, ...]
Pair = tuple[tuple[str, Place], tuple[str, Place]]
"""Two texts, each with its place in an item."""


class PairConfig(Schema):
    """The graph maps `input_ids` and `attention_mask` [batch, tokens] to `logits` [batch, labels].

    With `has_types` it also takes `token_type_ids`, 0 for tokens of the first text and 1 for those of the second.
    """

    tokenizer: str
    max_tokens: Annotated[int, Field(ge=8, le=1_000_000)]
    has_types: bool = False


class PairEncoder(TextEncoder):
    """Two texts to one row."""

    def __init__(self, tokenizer: Path, max_tokens: int, *, has_types: bool) -> None:
        super().__init__(tokenizer, max_tokens, has_types=has_types)
        self._num_between = self._tokenizer.num_special_tokens_to_add(is_pair=True)

    def pair(self, texts: Pair, cut: int | None) -> Encoding:
        """Tokens of both texts, with those that the model adds, where each stands, and of which text it is.

        `texts` are two, each with its place in the item. Only the beginning of the one numbered `cut`, if any, is used
        where both together are too long. Raises InvalidInput, relative to the item, if nothing of a text can be read,
        or they are too long all the same.
        """
        read = [self._read(text, place, is_cut=cut == at) for at, (text, place) in enumerate(texts)]
        whole = sum(len(one.ids) for one in read) + self._num_between
        if (over := whole - self.max_tokens) > 0:
            left = 0 if cut is None else len(read[cut].ids) - over
            if cut is None or left < 1:
                hint = 'them, or send "truncate": true to use the beginning of one' if cut is None else "both"
                raise InvalidInput(
                    f"two texts that are read together have {whole} tokens, and the model reads at most "
                    f"{self.max_tokens}; shorten {hint}"
                ).under(*texts[cut or 0][1])
            read[cut].truncate(left)
        first, second = read
        return self._tokenizer.post_process(first, second)

    def windows(self, texts: Pair, stride: int) -> list[Encoding]:
        """The first text with each part of the second: all of it, if it fits; else parts that overlap by `stride`.

        Raises InvalidInput, relative to the item, as `pair` does, or if there would be more than MOST_WINDOWS.
        """
        first, second = (self._read(text, place, is_cut=False) for text, place in texts)
        room = self.max_tokens - self._num_between - len(first.ids)
        if room < LEAST_WINDOW:
            raise InvalidInput(
                f"the text has {len(first.ids)} tokens; of the {self.max_tokens} that the model reads together with "
                f"another text it leaves {max(room, 0)}, and {LEAST_WINDOW} are needed"
            ).under(*texts[0][1])
        step = room - min(stride, room // 2)
        if (count := -(-max(0, len(second.ids) - room) // step) + 1) > MOST_WINDOWS:
            raise InvalidInput(
                f"the text would be read in {count} parts of {room} tokens, and at most {MOST_WINDOWS} are"
            ).under(*texts[1][1])
        second.truncate(room, stride=room - step)
        return [self._tokenizer.post_process(first, one) for one in (second, *second.overflowing)]

    def _read(self, text: str, place: Place, *, is_cut: bool) -> Encoding:
        try:
            if len(text) > MAX_CHARACTERS and not is_cut:
                raise InvalidInput(f"the text has {len(text)} characters and at most {MAX_CHARACTERS} are looked at")
            return self.require_tokens(text[:MAX_CHARACTERS])
        except InvalidInput as error:
            raise error.under(*place) from None

    def pair_row(self, tokens: Encoding) -> Tensors:
        row = self.row(tokens.ids)
        return row | {TYPES: np.asarray(tokens.type_ids, np.int64)} if self._has_types else row


class PairKernel(TextKernel):
    """Its rows are two texts each: they are batched by their length together."""

    encoder: PairEncoder

    def __init__(self, config: Any, files: Mapping[str, Path]) -> None:
        super().__init__(config, files)
        self.encoder = PairEncoder(files[config.tokenizer], config.max_tokens, has_types=config.has_types)
