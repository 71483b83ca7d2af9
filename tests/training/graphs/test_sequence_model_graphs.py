"""Graphs of encoder-decoders of transformers, beside transformers itself."""

import numpy as np
import pytest
import torch
from random_sequence_models import CONFIGS, POSITIONS, VOCABULARY, graphs_of, random_model, sessions_of
from transformers import WhisperConfig, WhisperForConditionalGeneration

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tensors import EncoderInput, sequence_decoder_of, source_of
from training.graphs.products import Fp32DecoderProducts, RowInt8Products
from training.graphs.sequence_model import SourceWriter, cross_tensors, write_token_step
from training.graphs.writer import GraphWriter, tensor
from training.networks.sequence_models import parts_of

LENGTHS, STEPS = (3, 31, 12, 47), 24
TOLERANCE = 1e-4


def sources():
    generator = np.random.default_rng(0)
    return [generator.integers(5, VOCABULARY, length) for length in LENGTHS]


def written_together(decoder, start, steps=STEPS):
    """Greedy ids of each of `sources`, all in steps of their own lengths, and the logits of each step."""
    ids = [[start] for _ in LENGTHS]
    logits = [[] for _ in LENGTHS]
    for slot, source in enumerate(sources()):
        decoder.begin(slot, source_of(source))
        for _ in range(slot):  # later ones are ahead
            step(decoder, ids, logits, slot, slot + 1)
    for _ in range(steps - len(LENGTHS)):
        step(decoder, ids, logits, 0, len(LENGTHS))
    return ids, logits


def step(decoder, ids, logits, first, end):
    rows = ids[first:end]
    lengths = np.array([len(row) for row in rows], np.int32)
    for at, found in enumerate(decoder.run(np.array([row[-1:] for row in rows]), first, lengths), first):
        logits[at].append(found.copy())
        ids[at].append(int(found.argmax()))


@pytest.mark.parametrize("name", CONFIGS)
def test_rows_of_different_lengths_have_the_logits_of_transformers(name):
    model, sessions = random_model(name), sessions_of(name)
    decoder = sequence_decoder_of(sessions["encoder"], sessions["decoder"], len(LENGTHS), POSITIONS, POSITIONS)
    ids, logits = written_together(decoder, model.config.decoder_start_token_id)
    for source, row, found in zip(sources(), ids, logits, strict=True):
        with torch.inference_mode():
            expected = model(input_ids=torch.tensor(source[None]), decoder_input_ids=torch.tensor([row[:-1]])).logits
        assert np.abs(np.array(found) - expected[0].numpy()).max() < TOLERANCE
    assert len({tuple(row) for row in ids}) == len(LENGTHS)


def test_a_row_alone_is_the_same_in_8_bits_and_near_to_fp32():
    paths = graphs_of("t5", RowInt8Products)
    encoder, step_of = (load_onnx(paths[name], RuntimeOptions(device="cpu", threads=1)) for name in paths)
    together = sequence_decoder_of(encoder, step_of, len(LENGTHS), POSITIONS, POSITIONS)
    ids, logits = written_together(together, 0)
    for source, row, found in zip(sources(), ids, logits, strict=True):
        alone = sequence_decoder_of(encoder, step_of, 1, POSITIONS, POSITIONS)
        alone.begin(0, source_of(source))
        own = [alone.run(np.array([[id]]), 0, np.array([at + 1], np.int32))[0].copy() for at, id in enumerate(row[:-1])]
        assert np.array_equal(own, found)
        with torch.inference_mode():
            expected = random_model("t5")(
                input_ids=torch.tensor(source[None]), decoder_input_ids=torch.tensor([row[:-1]])
            ).logits[0]
        assert np.corrcoef(np.ravel(own), expected.numpy().ravel())[0, 1] > 0.99


def test_the_layers_of_whisper_read_whatever_states_they_are_given(tmp_path):
    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=VOCABULARY,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=4,
        encoder_ffn_dim=40,
        decoder_ffn_dim=40,
        max_source_positions=20,
        max_target_positions=POSITIONS,
        num_mel_bins=8,
        init_std=0.3,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        decoder_start_token_id=1,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    model = WhisperForConditionalGeneration(config).eval()
    network, products, graph = parts_of(model), Fp32DecoderProducts(), GraphWriter()
    writer = SourceWriter(network, graph, products)
    writer.keys_and_values(writer.layers("states"))
    encoder = graph.save(
        tmp_path / "encoder.onnx", [tensor("states", ("rows", "tokens", 32))], cross_tensors(network, "cross", "tokens")
    )
    paths = [encoder, write_token_step(network, tmp_path / "decoder.onnx", products)]
    decoder = sequence_decoder_of(
        *(load_onnx(path, RuntimeOptions(device="cpu", threads=1)) for path in paths), 1, POSITIONS, 20
    )
    states, ids = torch.randn(1, 20, 32), [1, 5, 40, 8, 77]
    decoder.begin(0, EncoderInput({"states": states[0].numpy()}, 20))
    logits = decoder.run(np.array([ids]), 0, np.array([len(ids)], np.int32))
    with torch.inference_mode():
        read = states
        for layer in model.model.encoder.layers:
            read = layer(read, None)
        read = model.model.encoder.layer_norm(read)
        expected = model(encoder_outputs=(read,), decoder_input_ids=torch.tensor([ids])).logits[0, -1]
    assert np.abs(logits[0] - expected.numpy()).max() < TOLERANCE
