"""The fp32 graph of a decoder beside the decoder itself, as transformers runs it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from app.repository.manifest import Verification
from app.runtimes.onnx import signature_of_onnx
from app.tensors import Array
from training.errors import TrainingError, progress
from training.measures.decoding import Decoding
from training.networks.decoder import Decoder
from training.recipe import Exported


def beside_transformers(
    decoder: Decoder,
    path: Path,
    prompts: Sequence[Sequence[int]],
    most: int,
    ends: Sequence[int],
    largest: float,
) -> tuple[Exported, int]:
    """The graph, compared on `prompts`, and after how many of them it writes what transformers would write, greedily.

    It writes `most` tokens, or up to an end. Raises TrainingError if a logit after a prompt, or after the first token
    that follows one, differs by more than `largest`.
    """
    progress(f"{path.name} beside transformers")
    decoding = Decoding(path, rows=len(prompts), capacity=most + max(map(len, prompts)))
    written = decoding.write(prompts, most, ends)
    read = [_read(decoder, prompt, one) for prompt, one in zip(prompts, written, strict=True)]
    same = sum(theirs.likeliest == ours for theirs, ours in zip(read, written, strict=True))
    alone = max(_difference(decoding.read(ids, row), [read[row].after_prompt]) for row, ids in enumerate(prompts))
    following = decoding.step([one[:1] for one in written], [len(ids) + 1 for ids in prompts])
    together = _difference(following, [one.after_first for one in read])
    for difference in (alone, together):
        if not difference <= largest:
            raise TrainingError(f"the graph differs from transformers by {difference:.2g}, more than {largest:g}")
    signature = signature_of_onnx(path)
    found = Verification(batch_1=alone, batch_n=together, n=len(prompts), inputs=len(prompts))
    return Exported(path, signature.inputs, signature.outputs, found), same


class _Read(NamedTuple):
    """The way transformers reads a prompt and what a graph wrote after it: which token it would write at each place
    of that, and the logits [vocabulary] after the prompt and after the first token."""

    likeliest: list[int]
    after_prompt: Array
    after_first: Array


def _read(decoder: Decoder, prompt: Sequence[int], written: Sequence[int]) -> _Read:
    with torch.inference_mode():
        found = decoder(torch.tensor([[*prompt, *written]]), logits_to_keep=len(written) + 1).logits[0]
    return _Read(found[:-1].argmax(-1).tolist(), found[0].numpy().copy(), found[1].numpy().copy())


def _difference(logits: Array, expected: Sequence[Array]) -> float:
    return float(np.abs(logits - np.stack(expected)).max())
