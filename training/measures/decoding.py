"""A decoder's graph, run token by token over memory of its own: what it writes, and how likely it finds a text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from app.runtimes.onnx_decoder import OnnxDecoder
from app.tensors import Array

ROWS = 8


class Decoding:
    """One graph as training/graphs/decoder.py writes it, and room for the keys and values of some rows."""

    def __init__(self, graph: Path, rows: int, capacity: int, threads: int = 0) -> None:
        """`capacity`: the most tokens of a row. `threads`: as many as there are cores, if 0."""
        self._rows = rows
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.force_spinning_stop", "1")  # several are measured in turns
        session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        self._decoder = OnnxDecoder(session, rows, capacity)

    def step(self, ids: Array | Sequence[Sequence[int]], lengths: Sequence[int], first: int = 0) -> Array:
        """Give the rows from `first` on their next tokens; return what may follow, fp32 [rows, vocabulary].

        `ids`: int64 [rows, tokens]. `lengths`: how many tokens each row then has.
        """
        tokens = np.asarray(ids, np.int64)
        return self._decoder.run(tokens, first, np.asarray(lengths, np.int32)).copy()

    def read(self, ids: Sequence[int], row: int = 0, chunks: Sequence[int] = ()) -> Array:
        """Give a row its first tokens, all at once or in `chunks` of so many; return what may follow as `step` does."""
        done = 0
        for size in chunks or (len(ids),):
            logits = self.step([ids[done : done + size]], [done + size], row)
            done += size
        return logits

    def greedy(self, prompt: Sequence[int], most: int, ends: Sequence[int] = ()) -> list[int]:
        """The likeliest token after `prompt`, and the likeliest after that, up to `most` or one of `ends`."""
        return self.write([prompt], most, ends)[0]

    def write(self, prompts: Sequence[Sequence[int]], most: int, ends: Sequence[int] = ()) -> list[list[int]]:
        """Return the tokens that `greedy` finds after each of `prompts`; as many as there are rows side by side."""
        written: list[list[int]] = []
        for first in range(0, len(prompts), self._rows):
            group = prompts[first : first + self._rows]
            found = [[int(self.read(prompt, row)[0].argmax())] for row, prompt in enumerate(group)]
            while len(found[0]) < most and not all(map(set(ends).intersection, found)):
                lengths = [len(prompt) + len(one) for prompt, one in zip(group, found, strict=True)]
                for one, logits in zip(found, self.step([one[-1:] for one in found], lengths), strict=True):
                    one.append(int(logits.argmax()))
            written += [_up_to(ends, one) for one in found]
        return written


def _up_to(ends: Sequence[int], ids: list[int]) -> list[int]:
    place = next((place for place, token in enumerate(ids) if token in ends), len(ids))
    return ids[: place + 1]


@dataclass(frozen=True, slots=True)
class Read:
    """The way a graph read some texts: their perplexity, and which token it found likeliest at each place."""

    perplexity: float
    likeliest: Array

    def agreement(self, other: "Read") -> float:
        """The share of places at which both found the same token likeliest."""
        return float((self.likeliest == other.likeliest).mean())


def read_texts(decoding: Decoding, texts: Sequence[Sequence[int]]) -> Read:
    """Read texts of one length, two tokens at least, as they would be written: token by token, ROWS side by side."""
    surprise, likeliest = [], []
    for first in range(0, len(texts), ROWS):
        tokens = np.array(texts[first : first + ROWS])
        for place in range(tokens.shape[1] - 1):
            logits = decoding.step(tokens[:, place : place + 1], [place + 1] * len(tokens)).astype(np.float64)
            highest = logits.max(-1)
            total = highest + np.log(np.exp(logits - highest[:, None]).sum(-1))
            surprise += list(total - logits[np.arange(len(tokens)), tokens[:, place + 1]])
            likeliest += list(logits.argmax(-1))
    return Read(math.exp(float(np.mean(surprise))), np.array(likeliest))
