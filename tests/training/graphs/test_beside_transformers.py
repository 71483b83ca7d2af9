from pathlib import Path

import numpy as np
import pytest
import torch
from small_decoder import small_decoder

from training.errors import TrainingError
from training.graphs.beside_transformers import beside_transformers
from training.graphs.decoder import write_decoder
from training.graphs.products import Fp32DecoderProducts
from training.networks.decoder import plain

PROMPTS = [np.random.default_rng(length).integers(0, 262, length).tolist() for length in (4, 9, 6)]


def test_a_graph_writes_what_its_decoder_writes(tmp_path: Path) -> None:
    decoder = small_decoder("qwen2")
    graph = write_decoder(plain(decoder), tmp_path / "model.onnx", Fp32DecoderProducts(), 64)

    exported, same = beside_transformers(decoder, graph, PROMPTS, 8, [1], 1e-3)

    assert same == len(PROMPTS)
    assert max(exported.verification.batch_1, exported.verification.batch_n) < 1e-4
    assert [one.name for one in exported.inputs][:3] == ["input_ids", "seqlens_k", "total_sequence_length"]


def test_a_graph_of_other_weights_is_refused(tmp_path: Path) -> None:
    decoder = small_decoder("llama")
    graph = write_decoder(plain(decoder), tmp_path / "model.onnx", Fp32DecoderProducts(), 64)
    with torch.no_grad():
        decoder.model.layers[1].mlp.down_proj.weight[0] += 0.1

    with pytest.raises(TrainingError, match="differs from transformers by"):
        beside_transformers(decoder, graph, PROMPTS, 8, [1], 1e-3)
