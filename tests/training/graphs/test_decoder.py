"""Small decoders of random weights, written as graphs and run by ONNX Runtime over memory of their own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPT2Config, LlamaConfig, Qwen2Config

from app.tensors import Array
from training.graphs.decoder import write_decoder
from training.graphs.products import (
    BlockProducts,
    DecoderProducts,
    DigitProducts,
    Fp32DecoderProducts,
    MixedProducts,
    RowInt8Products,
)
from training.graphs.smoothing import ranges_of, smoothed
from training.measures.decoding import Decoding
from training.networks.decoder import KINDS, Decoder, plain
from training.networks.plain_decoder import read

WORDS, POSITIONS = 300, 128
SIZES = {
    "vocab_size": WORDS,
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": POSITIONS,
    "initializer_range": 0.2,
}
STRETCHED = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
GPT2_SIZES = {
    "vocab_size": WORDS,
    "n_embd": 64,
    "n_inner": 160,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": POSITIONS,
    "initializer_range": 0.4,
    "bos_token_id": None,
    "eos_token_id": None,
}
CONFIGS = {
    "llama, tied": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "llama, positions scaled, wide heads": LlamaConfig(**SIZES, head_dim=32, rope_parameters=STRETCHED),
    "llama with biases": LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True),
    "qwen2, tied": Qwen2Config(**SIZES, tie_word_embeddings=True),
    "gpt2": GPT2Config(**GPT2_SIZES),
    "gpt2, exact gelu, untied": GPT2Config(**GPT2_SIZES, activation_function="gelu", tie_word_embeddings=False),
}
PRODUCTS = {
    "fp32": Fp32DecoderProducts(),
    "int8": RowInt8Products(),
    "8 bits in blocks": BlockProducts(8),
    "8 bits, mixed": MixedProducts(),
    "8 bits, in digits": DigitProducts(),
    "4 bits in blocks": BlockProducts(4),
}
PROMPTS = [np.random.default_rng(length).integers(0, WORDS, length).tolist() for length in (5, 23, 12, 40)]


def network(config: LlamaConfig | Qwen2Config | GPT2Config) -> Decoder:
    torch.manual_seed(0)
    made: Decoder = KINDS[config.model_type][1](config).eval()
    for name, weight in made.named_parameters():
        if name.endswith("bias"):  # which begin as zeros
            torch.nn.init.normal_(weight, std=0.5)
    return made


@pytest.fixture(scope="module", params=CONFIGS)
def decoder(request: pytest.FixtureRequest) -> Decoder:
    return network(CONFIGS[request.param])


@pytest.fixture(params=PRODUCTS)
def products(request: pytest.FixtureRequest) -> DecoderProducts:
    found: DecoderProducts = PRODUCTS[request.param]
    return found


def scores(decoder: Decoder, ids: list[int]) -> Array:
    with torch.inference_mode():
        found: Array = decoder(torch.tensor([ids])).logits[:, -1].numpy()
    return found


def test_fp32_gives_what_transformers_gives(decoder: Decoder, tmp_path: Path) -> None:
    graph = write_decoder(plain(decoder), tmp_path / "model.onnx", Fp32DecoderProducts(), POSITIONS)

    decoding = Decoding(graph, rows=1, capacity=POSITIONS)

    for prompt in PROMPTS:
        np.testing.assert_allclose(decoding.read(prompt), scores(decoder, prompt), atol=1e-4)


def test_fp32_writes_what_transformers_writes(decoder: Decoder, tmp_path: Path) -> None:
    graph = write_decoder(plain(decoder), tmp_path / "model.onnx", Fp32DecoderProducts(), POSITIONS)
    decoding = Decoding(graph, rows=1, capacity=POSITIONS)
    for prompt in PROMPTS:
        ids = torch.tensor([prompt])
        options = {"max_new_tokens": 20, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
        with torch.inference_mode():
            expected = decoder.generate(ids, attention_mask=torch.ones_like(ids), **options)

        assert decoding.greedy(prompt, 20) == expected[0, len(prompt) :].tolist()


def test_a_row_does_not_know_its_neighbours(decoder: Decoder, products: DecoderProducts, tmp_path: Path) -> None:
    graph = write_decoder(plain(decoder), tmp_path / "model.onnx", products, POSITIONS)
    decoding, rows = Decoding(graph, rows=4, capacity=POSITIONS), range(4)
    for row in rows:
        decoding.read(PROMPTS[row], row)
    lengths = [len(prompt) + 1 for prompt in PROMPTS]

    together = decoding.step([[row] for row in rows], lengths)
    alone = np.concatenate([decoding.step([[row]], lengths[row : row + 1], row) for row in rows])

    if (
        products is PRODUCTS["4 bits in blocks"]
    ):  # ONNX Runtime computes a row alone otherwise, where there is AVX2 only
        np.testing.assert_allclose(together, alone, atol=1e-5)
    else:
        np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("chunks", [(20, 20), (2, 3, 16, 19), (38, 2)])
def test_a_prompt_in_chunks_of_two_or_more_is_the_whole_prompt(
    decoder: Decoder, products: DecoderProducts, chunks: tuple[int, ...], tmp_path: Path
) -> None:
    graph = write_decoder(plain(decoder), tmp_path / "model.onnx", products, POSITIONS)
    decoding = Decoding(graph, rows=2, capacity=POSITIONS)

    np.testing.assert_array_equal(decoding.read(PROMPTS[3], 1, chunks), decoding.read(PROMPTS[3], 0))


def test_a_decoder_as_arrays_reads_what_transformers_reads(decoder: Decoder) -> None:
    for prompt in PROMPTS:
        with torch.inference_mode():
            expected = decoder(torch.tensor([prompt])).logits[0].numpy()
        np.testing.assert_allclose(read(plain(decoder), prompt), expected, rtol=1e-4, atol=1e-4)


def test_a_smoothed_decoder_answers_the_same(decoder: Decoder) -> None:
    found = smoothed(plain(decoder), PROMPTS)

    for prompt in PROMPTS:
        np.testing.assert_allclose(read(found, prompt)[-1:], scores(decoder, prompt), rtol=1e-3, atol=1e-3)


def test_smoothing_makes_channels_alike() -> None:
    loud = network(CONFIGS["qwen2, tied"])
    with torch.no_grad():
        loud.model.layers[0].input_layernorm.weight[3] = 50.0

    before, after = (ranges_of(one, PROMPTS) for one in (plain(loud), smoothed(plain(loud), PROMPTS)))

    def spread(ranges: dict[Any, Array]) -> float:
        first = next(iter(ranges.values()))
        return float(first.max() / np.median(first))

    assert spread(after) < spread(before) / 3


def test_tied_embeddings_are_stored_once(tmp_path: Path) -> None:
    tied = write_decoder(
        plain(network(CONFIGS["qwen2, tied"])), tmp_path / "tied.onnx", Fp32DecoderProducts(), POSITIONS
    )
    loose = network(Qwen2Config(**SIZES, tie_word_embeddings=False))

    apart = write_decoder(plain(loose), tmp_path / "apart.onnx", Fp32DecoderProducts(), POSITIONS)

    assert apart.stat().st_size - tied.stat().st_size >= WORDS * 64 * 4
