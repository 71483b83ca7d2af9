"""One answer by itself: what every answer is equal to, whatever company it has had."""

from collections.abc import Iterator
from typing import cast

import numpy as np

from app.generation.prompt import Prompt, Token
from app.generation.sampling import Chooser
from app.tensors import Decoder, SequenceDecoder


def generate_alone(decoder: Decoder, prompt: Prompt) -> Iterator[Token]:
    """Tokens of the answer, in the first slot of a decoder that does nothing else.

    Raises what `Decoder.run` and `Chooser.choose` raise.
    """
    chooser, unread, length = Chooser(prompt), list(prompt.ids), 0
    if prompt.source:
        cast(SequenceDecoder, decoder).begin(0, prompt.source)
    while chooser.num_tokens < prompt.max_new_tokens:
        length += len(unread)
        [logits] = decoder.run(np.array([unread], np.int64), 0, np.array([length], np.int32))
        token = chooser.choose(logits)
        yield token
        if token.id in prompt.end_ids:
            return
        unread = [token.id]
