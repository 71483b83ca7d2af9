from pathlib import Path

import numpy as np
import pytest
import torch
from small_decoder import small_decoder

from training.graphs.decoder import write_decoder
from training.graphs.products import BlockProducts, Fp32DecoderProducts
from training.measures.candidates import DecoderCandidate, measure_candidate, tokens_per_second
from training.measures.decoding import Decoding, read_texts
from training.networks.decoder import plain

TEXTS = np.random.default_rng(0).integers(0, 262, (11, 20)).tolist()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, decoder = tmp_path_factory.mktemp("graphs"), small_decoder("llama")
    write_decoder(plain(decoder), folder / "model.onnx", Fp32DecoderProducts(), 256)
    write_decoder(plain(decoder), folder / "blocks4.onnx", BlockProducts(4), 256)
    return folder


def test_perplexity_and_the_likeliest_tokens_are_those_of_torch(folder: Path) -> None:
    found = read_texts(Decoding(folder / "model.onnx", rows=8, capacity=32), TEXTS)

    ids = torch.tensor(TEXTS)
    with torch.inference_mode():
        logits = small_decoder("llama")(ids).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    assert found.perplexity == pytest.approx(float(loss.exp()), rel=1e-4)
    assert sorted(found.likeliest) == sorted(logits.argmax(-1).flatten().tolist())


def test_a_candidate_agrees_with_itself_and_less_with_one_of_fewer_bits(folder: Path) -> None:
    prompts, texts = [text[:5] for text in TEXTS[:3]], TEXTS[:8]

    main, fewer = (measure_candidate(folder / name, prompts, texts, 12, []) for name in ("model.onnx", "blocks4.onnx"))

    assert main.read.agreement(main.read) == main.same_tokens(main) == 1
    assert 0 < fewer.read.agreement(main.read) < 1


def test_each_candidate_has_a_speed_alone_and_in_company(folder: Path) -> None:
    found = tokens_per_second({"fp32": folder / "model.onnx", "blocks4": folder / "blocks4.onnx"})

    assert found.keys() == {"fp32", "blocks4"}
    assert all(speed > 0 for rows in found.values() for speed in rows.values())
    assert set(found["fp32"]) == {1, 4, 8}


def test_tokens_are_the_same_up_to_the_first_difference() -> None:
    def candidate(*written: list[int]) -> DecoderCandidate:
        return DecoderCandidate(None, written, 0.0)  # type: ignore[arg-type]

    assert candidate([1, 2, 9, 4], [5]).same_tokens(candidate([1, 2, 3, 4], [5, 6])) == pytest.approx(3 / 6)


def test_writing_ends_at_an_end(folder: Path) -> None:
    decoding = Decoding(folder / "model.onnx", rows=1, capacity=64)
    written = decoding.greedy(TEXTS[0], 10)

    ended = decoding.greedy(TEXTS[0], 10, ends=written[3:4])

    assert ended == written[: written.index(written[3]) + 1]
