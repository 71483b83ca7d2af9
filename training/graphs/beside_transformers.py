"""The fp32 graph of a decoder beside the decoder itself, as transformers runs it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from app.repository.manifest import Verification
from app.runtimes.onnx import signature_of_onnx
from app.tensors import Array
from training.errors import TrainingError, progress
from training.measures.decoding import Decoding
from training.networks.decoder import Decoder
from training.recipe import Exported

LARGEST_DIFFERENCE = 1e-3  # of logits, which are about 10 and sums of hundreds of thousands of products


def beside_transformers(
    decoder: Decoder, path: Path, prompts: Sequence[Sequence[int]], most: int, ends: Sequence[int]
) -> tuple[Exported, int]:
    """The graph, compared on `prompts`, and after how many of them it writes the same `most` tokens, or up to an end.

    Raises TrainingError if a logit after a prompt, or after the first token that follows one, differs by more than
    LARGEST_DIFFERENCE.
    """
    progress("writing beside transformers")
    decoding = Decoding(path, rows=len(prompts), capacity=most + max(map(len, prompts)))
    written = [_greedy(decoder, prompt, most, ends) for prompt in prompts]
    same = sum(decoding.greedy(prompt, most, ends) == one for prompt, one in zip(prompts, written, strict=True))
    longer = [[*prompt, one[0]] for prompt, one in zip(prompts, written, strict=True)]
    alone = max(_difference(decoding.read(ids, row), decoder, [ids]) for row, ids in enumerate(prompts))
    following = decoding.step([ids[-1:] for ids in longer], [len(ids) for ids in longer])
    together = _difference(following, decoder, longer)
    for difference in (alone, together):
        if not difference <= LARGEST_DIFFERENCE:
            raise TrainingError(
                f"the graph differs from transformers by {difference:.2g}, more than {LARGEST_DIFFERENCE:g}"
            )
    signature = signature_of_onnx(path)
    found = Verification(batch_1=alone, batch_n=together, n=len(prompts), inputs=len(prompts))
    return Exported(path, signature.inputs, signature.outputs, found), same


def _greedy(decoder: Decoder, prompt: Sequence[int], most: int, ends: Sequence[int]) -> list[int]:
    ids = torch.tensor([list(prompt)])
    with torch.inference_mode():
        found = decoder.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=most,
            do_sample=False,
            repetition_penalty=1.0,
            eos_token_id=list(ends),
            pad_token_id=ends[0],
        )
    written: list[int] = found[0, len(prompt) :].tolist()
    return written


def _difference(logits: Array, decoder: Decoder, texts: Sequence[Sequence[int]]) -> float:
    with torch.inference_mode():
        expected = [decoder(torch.tensor([list(ids)])).logits[0, -1].numpy() for ids in texts]
    return float(np.abs(logits - np.stack(expected)).max())
