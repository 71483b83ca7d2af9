"""A small student with random weights, written as graphs and run by ONNX Runtime, from sentence to sentence."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from app.runtimes.onnx import OnnxSession, load_onnx, signature_of_onnx
from app.runtimes.options import RuntimeOptions
from app.tensors import Array, Tensors
from training.graphs.export import proven
from training.graphs.products import DecoderProducts, Fp32DecoderProducts, RowInt8Products
from training.graphs.sequence import write_decoder_step, write_encoder
from training.networks.marian_student import MarianStudent, Sizes, StudentEncoder, StudentStep

SIZES = Sizes(vocabulary=50, width=16, hidden=24, encoder_layers=2, decoder_layers=2)
SOURCES = [[7, 3, 0], [12, 40, 9, 33, 25, 8, 49, 1, 0], [0], [5, 5, 31, 18, 0]]
STEPS = 12

Run = Callable[[Tensors], Tensors]


class Graphs(NamedTuple):
    encoder: Path
    decoder: Path


@pytest.fixture(scope="module")
def student() -> MarianStudent:
    torch.manual_seed(0)
    made = MarianStudent(SIZES, heads=2).requires_grad_(False).eval()
    for name, weight in made.named_parameters():  # norms and biases, too, which begin as ones and zeros
        torch.nn.init.normal_(weight, mean=float("norm.weight" in name), std=0.5 if weight.ndim > 1 else 0.1)
    return made


def written(student: MarianStudent, folder: Path, products: DecoderProducts) -> Graphs:
    return Graphs(
        write_encoder(student, folder / "encoder.onnx", products),
        write_decoder_step(student, folder / "decoder.onnx", products),
    )


@pytest.fixture(scope="module")
def fp32(student: MarianStudent, tmp_path_factory: pytest.TempPathFactory) -> Graphs:
    return written(student, tmp_path_factory.mktemp("fp32"), Fp32DecoderProducts())


def opened(path: Path) -> Run:
    session: OnnxSession = load_onnx(path, RuntimeOptions(device="cpu"))
    return session.run


def by_torch(module: nn.Module, names: Sequence[str]) -> Run:
    def run(inputs: Tensors) -> Tensors:
        with torch.inference_mode():
            found = module(*(torch.from_numpy(array) for array in inputs.values()))
        return {name: one.numpy() for name, one in zip(names, found, strict=True)}

    return run


def padded(sources: Sequence[Sequence[int]], tokens: int = 0) -> Tensors:
    tokens = max(tokens, *map(len, sources), 0)
    rows = [[*ids, *[4] * (tokens - len(ids))] for ids in sources]
    mask = [[1] * len(ids) + [0] * (tokens - len(ids)) for ids in sources]
    return {"input_ids": np.array(rows), "attention_mask": np.array(mask)}


def first_step(student: MarianStudent, sources: Sequence[Sequence[int]], cross: Tensors) -> Tensors:
    rows = len(sources)
    return {
        "input_ids": np.full((rows, 1), student.start_id),
        "positions": np.zeros(rows, np.int64),
        "source_lengths": np.array([len(ids) for ids in sources]),
        **cross,
        **{f"state.{layer}": np.zeros((rows, SIZES.width), np.float32) for layer in range(SIZES.decoder_layers)},
    }


def greedy(
    student: MarianStudent, encode: Run, step: Run, sources: Sequence[Sequence[int]], tokens: int = 0
) -> tuple[Array, Array]:
    """The likeliest tokens, [rows, steps], and the logits of the last step; `tokens` of source for each row.

    No token is written twice: random weights would write nothing but the first one.
    """
    inputs, ids = first_step(student, sources, encode(padded(sources, tokens))), []
    is_written = np.zeros((len(sources), SIZES.vocabulary), bool)
    for _ in range(STEPS):
        found = step(inputs)
        ids.append(np.where(is_written, -np.inf, found["logits"]).argmax(-1))
        np.put_along_axis(is_written, ids[-1][:, None], True, axis=1)
        states = {name.removeprefix("present_"): one for name, one in found.items() if name != "logits"}
        inputs |= {"input_ids": ids[-1][:, None], "positions": inputs["positions"] + 1, **states}
    return np.stack(ids, 1), found["logits"]


def test_graphs_state_their_tensors(fp32: Graphs) -> None:
    encoder, decoder = map(signature_of_onnx, fp32)

    kept = {f"cross.{layer}.{part}": (-1, 2, -1, 8) for layer in range(2) for part in ("key", "value")}
    states = {f"state.{layer}": (-1, 16) for layer in range(2)}
    numbers = {"input_ids": (-1, 1), "positions": (-1,), "source_lengths": (-1,)}
    assert {one.name: one.shape for one in encoder.inputs} == {"input_ids": (-1, -1), "attention_mask": (-1, -1)}
    assert {one.name: one.shape for one in encoder.outputs} == kept
    assert {one.name: one.shape for one in decoder.inputs} == numbers | kept | states
    assert [one.name for one in decoder.outputs] == ["logits", "present_state.0", "present_state.1"]
    assert decoder.outputs[0].shape == (-1, 50)


def test_graphs_equal_torch(student: MarianStudent, fp32: Graphs) -> None:
    batch = padded(SOURCES)
    proven(StudentEncoder(student), fp32.encoder, batch, tolerance=1e-5)
    step = first_step(student, SOURCES, opened(fp32.encoder)(batch))
    random = np.random.default_rng(0)
    for layer in range(2):
        step[f"state.{layer}"] = random.standard_normal((4, 16)).astype(np.float32)

    proven(StudentStep(student), fp32.decoder, step, tolerance=1e-5)
    later = step | {"input_ids": np.array([[0], [49], [7], [50]]), "positions": np.array([1, 9, 200, 3])}
    proven(StudentStep(student), fp32.decoder, later, tolerance=1e-5)


def test_graphs_write_as_torch_writes(student: MarianStudent, fp32: Graphs) -> None:
    outputs = [[one.name for one in signature_of_onnx(path).outputs] for path in fp32]
    modules = [by_torch(one(student), names) for one, names in zip((StudentEncoder, StudentStep), outputs, strict=True)]

    expected, _ = greedy(student, *modules, SOURCES)
    found, _ = greedy(student, *map(opened, fp32), SOURCES)

    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(expected, axis=0)) == len(SOURCES)


def test_a_row_knows_neither_its_company_nor_padding(student: MarianStudent, fp32: Graphs) -> None:
    encode, step = map(opened, fp32)

    ids, logits = greedy(student, encode, step, SOURCES, tokens=20)

    for row, source in enumerate(SOURCES):
        alone, logits_alone = greedy(student, encode, step, [source])
        np.testing.assert_array_equal(ids[row], alone[0])
        np.testing.assert_allclose(logits[row], logits_alone[0], rtol=0, atol=1e-5)


def test_int8_graphs_are_close_to_fp32(student: MarianStudent, fp32: Graphs, tmp_path: Path) -> None:
    logits = []
    for graphs in (fp32, written(student, tmp_path, RowInt8Products())):
        encode, step = map(opened, graphs)
        logits.append(step(first_step(student, SOURCES, encode(padded(SOURCES))))["logits"])

    expected, found = logits
    assert 0 < np.abs(found - expected).mean() / expected.std() < 0.05


def test_the_embedding_is_stored_once(fp32: Graphs) -> None:
    for path in fp32:
        shapes = [tuple(one.dims) for one in onnx.load(path).graph.initializer]
        assert shapes.count((SIZES.vocabulary, SIZES.width)) == 1
        assert (SIZES.vocabulary + 1, SIZES.width) not in shapes
