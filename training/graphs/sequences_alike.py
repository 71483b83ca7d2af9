"""Graphs of an encoder-decoder in another precision beside those in fp32, by the tokens that they write."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.kernel import Kernel
from app.tensors import SequenceDecoder, Session, Tensors


class Alike(NamedTuple):
    """`agreement`: the share of the tokens of fp32 that it, too, finds the likeliest there; `same`: the rows whose
    greedy answers are the same."""

    agreement: float
    same: frozenset[int]


def beside_fp32(kernel: Kernel, rows: Sequence[Tensors], fp32: Mapping[str, Path], other: Mapping[str, Path]) -> Alike:
    """Let both answer `rows`, and both read along the answers of fp32."""
    first, second = (
        {name: load_onnx(path, RuntimeOptions(device="cpu")) for name, path in graphs.items()}
        for graphs in (fp32, other)
    )
    answers, others = (
        [one["output_ids"].tolist() for one in kernel.run(sessions, rows)] for sessions in (first, second)
    )
    found: list[bool] = []
    for row, answer in zip(rows, answers, strict=True):
        expected, given = (_likeliest(kernel, sessions, row, answer) for sessions in (first, second))
        found += [one == another for one, another in zip(expected, given, strict=True)]
    same = frozenset(i for i, (one, another) in enumerate(zip(answers, others, strict=True)) if one == another)
    return Alike(float(np.mean(found)), same)


def _likeliest(kernel: Kernel, sessions: Mapping[str, Session], row: Tensors, answer: Sequence[int]) -> list[int]:
    """The likeliest token at each place of an answer that is read, whatever may be written there."""
    decoder, prompt = cast(SequenceDecoder, kernel.decoder(sessions, 1)), kernel.prompt_of(row)
    assert prompt.source is not None, "an encoder reads it"
    decoder.begin(0, prompt.source)
    begun = prompt.ids
    ids = np.array([[*begun, *answer[:-1]]], np.int64)
    found = [
        int(decoder.run(ids[:, at : at + 1], 0, np.array([at + 1], np.int32)).argmax()) for at in range(ids.shape[1])
    ]
    return found[len(begun) - 1 :]
