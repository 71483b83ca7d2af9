"""One answer by itself: what every answer is equal to, whatever company it has had."""

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np

from app.generation.beams import Search
from app.generation.prompt import Prompt, Token
from app.generation.sampling import Chooser
from app.tensors import Decoder, SequenceDecoder


def generate_alone(decoder: Decoder, prompt: Prompt) -> Iterator[Token]:
    """Tokens of the answer, in the first slots of a decoder that does nothing else, one for each beam.

    Raises what `Decoder.run` and `Chooser.choose` raise.
    """
    if prompt.source:
        cast(SequenceDecoder, decoder).begin(0, prompt.source)
    if prompt.beams.number > 1:
        yield from map(Token, _search(decoder, prompt))
        return
    chooser, unread, length = Chooser(prompt), list(prompt.ids), 0
    while chooser.num_tokens < prompt.max_new_tokens:
        length += len(unread)
        [logits] = decoder.run(np.array([unread], np.int64), 0, np.array([length], np.int32))
        token = chooser.choose(logits)
        yield token
        if token.id in prompt.end_ids:
            return
        unread = [token.id]


def _search(decoder: Decoder, prompt: Prompt) -> Sequence[int]:
    """The answer that beams find; each row has a slot."""
    search, length = Search(prompt), len(prompt.ids)
    logits = decoder.run(np.array([prompt.ids], np.int64), 0, np.array([length], np.int32))
    while not (branch := search.choose(*logits)).answer:
        for row, parent in enumerate(branch.parents):
            if row != parent:
                decoder.copy(parent, row, length)
        length += 1
        ids = np.array(branch.ids, np.int64)[:, None]
        logits = decoder.run(ids, 0, np.full(len(ids), length, np.int32))
    return branch.answer
