"""The fp32 graphs of an encoder-decoder beside transformers, which computes and generates with the same weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.repository.manifest import Verification
from app.runtimes.onnx import load_onnx, signature_of_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.sequence_kernel import SequenceKernel
from app.tensors import Array, Tensors, sequence_decoder_of, source_of
from training.errors import TrainingError, progress
from training.recipe import Exported

LARGEST_DIFFERENCE = 1e-3  # of logits, which are some tens and sums of hundreds of thousands of products


def beside_generate(
    network: Any, graphs: Mapping[str, Path], kernel: SequenceKernel, rows: Sequence[Tensors]
) -> tuple[Exported, int]:
    """The encoder's graph, and of how many `rows` the greedy answer is that of `generate`, token for token.

    Compared are as many tokens as the kernel allows, up to an end. Raises TrainingError if a logit along these answers
    differs by more than LARGEST_DIFFERENCE, of a row alone or among all others.
    """
    progress("the graphs beside transformers")
    sessions = {name: load_onnx(path, RuntimeOptions(device="cpu")) for name, path in graphs.items()}
    answers = [one["output_ids"].tolist() for one in kernel.run(sessions, rows)]
    begun = [list(kernel.prompt_of(row).ids) for row in rows]
    read = [[*start, *answer[:-1]] for start, answer in zip(begun, answers, strict=True)]
    expected = [_logits(network, row, ids) for row, ids in zip(rows, read, strict=True)]

    def difference(group: Sequence[int]) -> float:
        """Of some rows that step together, each at its own pace until its end."""
        decoder = sequence_decoder_of(
            sessions["encoder"], sessions["decoder"], len(group), kernel.context, kernel.context
        )
        for slot, i in enumerate(group):
            decoder.begin(slot, source_of(rows[i]["input_ids"]))
        found = 0.0
        for at in range(max(len(read[i]) for i in group)):
            # Those that have ended read their last token again.
            places = [min(at, len(read[i]) - 1) for i in group]
            ids = np.array([[read[i][place]] for i, place in zip(group, places, strict=True)])
            logits = decoder.run(ids, 0, np.array(places, np.int32) + 1)
            for i, place, own in zip(group, places, logits, strict=True):
                found = max(found, float(np.abs(own - expected[i][place]).max()))
        return found

    alone, together = max(difference([i]) for i in range(len(rows))), difference(range(len(rows)))
    for one in (alone, together):
        if not one <= LARGEST_DIFFERENCE:
            raise TrainingError(f"the graphs differ from transformers by {one:.2g}, more than {LARGEST_DIFFERENCE:g}")
    same = sum(map(_is_generated, [network] * len(rows), [kernel] * len(rows), rows, begun, answers))
    signature = signature_of_onnx(graphs["encoder"])
    verification = Verification(batch_1=alone, batch_n=together, n=len(rows), inputs=len(rows))
    return Exported(graphs["encoder"], signature.inputs, signature.outputs, verification), same


def _logits(network: Any, row: Tensors, ids: Sequence[int]) -> Array:
    """Logits after each of the tokens that an answer begins after and has, [tokens, vocabulary]."""
    with torch.inference_mode():
        found: Array = (
            network(input_ids=torch.from_numpy(row["input_ids"])[None], decoder_input_ids=torch.tensor([ids]))
            .logits[0]
            .numpy()
        )
    return found


def _is_generated(
    network: Any, kernel: SequenceKernel, row: Tensors, begun: Sequence[int], answer: Sequence[int]
) -> bool:
    """Whether transformers writes the same, with its own reading of how the model is to write, but greedily."""
    forced = {"forced_bos_token_id": begun[1]} if len(begun) > 1 else {}
    most = kernel.prompt_of(row).max_new_tokens
    written = network.generate(
        torch.from_numpy(row["input_ids"])[None],
        num_beams=1,
        do_sample=False,
        max_length=len(begun) + most,
        forced_eos_token_id=None,
        **forced,
    )[0].tolist()
    return bool(written == [*begun, *answer])
