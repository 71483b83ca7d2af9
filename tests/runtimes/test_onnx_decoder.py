"""Decoders whose keys and values stay where they are; graphs that are none; memory that is given back."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from generation_models import CONTEXT, write_tiny_decoder
from onnx import TensorProto, helper

from app.errors import InvalidArtifact
from app.runtimes.onnx import OnnxSession, load_onnx
from app.runtimes.options import RuntimeOptions
from app.tensors import Array, Decoder

INT64, INT32, FLOAT = TensorProto.INT64, TensorProto.INT32, TensorProto.FLOAT
CACHE = ["rows", 2, "capacity", 16]
OPTIONS = RuntimeOptions(device="cpu", threads=1)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> OnnxSession:
    return load_onnx(write_tiny_decoder(tmp_path_factory.mktemp("decoder") / "model.onnx"), OPTIONS)


@pytest.fixture
def decoder(session: OnnxSession) -> Decoder:
    return session.decoder(3, CONTEXT)


def read(decoder: Decoder, slot: int, ids: list[int], known: int = 0) -> Array:
    """The logits after `ids`, which come after `known` others."""
    return decoder.run(np.array([ids], np.int64), slot, np.array([known + len(ids)], np.int32))[0].copy()


FIRST, SECOND = [5, 6, 7, 8], [30, 31, 32, 33, 34]


def test_what_a_slot_knows_goes_on_in_it(decoder):
    whole = read(decoder, 0, [*FIRST, 9, 10])
    read(decoder, 1, FIRST)
    assert np.array_equal(read(decoder, 1, [9, 10], known=4), whole)


def test_a_copy_goes_on_as_the_one_that_it_is_of(decoder):
    read(decoder, 0, FIRST)
    decoder.copy(0, 2, 4)
    assert np.array_equal(read(decoder, 2, [9, 10], known=4), read(decoder, 0, [9, 10], known=4))


def test_slots_that_are_swapped_go_on_in_each_others_place(decoder):
    first, second = read(decoder, 0, [*FIRST, 9, 10]), read(decoder, 0, [*SECOND, 9, 10])
    read(decoder, 0, FIRST)
    read(decoder, 1, SECOND)
    decoder.swap(0, 1, 5)
    assert np.array_equal(read(decoder, 1, [9, 10], known=4), first)
    assert np.array_equal(read(decoder, 0, [9, 10], known=5), second)


def test_a_slot_that_is_forgotten_is_empty_and_its_neighbours_are_not(decoder):
    after = read(decoder, 0, [*FIRST, 9, 10])
    for slot in range(3):
        read(decoder, slot, FIRST)
    decoder.forget(1)
    assert not np.array_equal(read(decoder, 1, [9, 10], known=4), after)
    for slot in (0, 2):
        assert np.array_equal(read(decoder, slot, [9, 10], known=4), after)


def test_forgetting_gives_memory_back(session):
    slots = 400
    decoder = session.decoder(slots, CONTEXT)
    cache_bytes = slots * CONTEXT * decoder.token_bytes
    before = resident_bytes()
    for slot in range(1, slots):
        decoder.copy(0, slot, CONTEXT)
    taken = resident_bytes() - before
    for slot in range(slots):
        decoder.forget(slot)
    kept = resident_bytes() - before
    assert taken > 0.8 * cache_bytes
    assert kept < 0.1 * cache_bytes


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


Change = Callable[[dict[str, tuple[int, list[object]]], dict[str, tuple[int, list[object]]]], object]


def graph_with(path: Path, change: Change) -> Path:
    """A graph with the inputs and outputs of a decoder, except for a change."""
    inputs: dict[str, tuple[int, list[object]]] = {
        "input_ids": (INT64, ["rows", "tokens"]),
        "seqlens_k": (INT32, ["rows"]),
        "total_sequence_length": (INT32, []),
        "past_key_values.0.key": (FLOAT, list(CACHE)),
        "past_key_values.0.value": (FLOAT, list(CACHE)),
    }
    outputs: dict[str, tuple[int, list[object]]] = {
        "logits": (FLOAT, ["rows", 8]),
        "present.0.key": (FLOAT, ["rows", 8]),
        "present.0.value": (FLOAT, ["rows", 8]),
    }
    change(inputs, outputs)
    nodes = [
        helper.make_node(
            "ConstantOfShape",
            ["like" if isinstance(sizes[-1], str) else "shape"],
            [name],
            value=helper.make_tensor("v", kind, [1], [0]),
        )
        for name, (kind, sizes) in outputs.items()
    ]
    infos = [
        [helper.make_tensor_value_info(name, *one) for name, one in values.items()] for values in (inputs, outputs)
    ]
    if "input_ids" in inputs:
        nodes.insert(0, helper.make_node("Shape", ["input_ids"], ["like"]))
    shape = helper.make_tensor("shape", INT64, [2], [1, 8])
    graph = helper.make_graph(nodes, "almost", *infos, [shape])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda i, o: i.pop("seqlens_k"), "must have an input seqlens_k, a tensor.int32."),
        (lambda i, o: i.update(input_ids=(INT32, ["rows", "tokens"])), "must have an input input_ids, a tensor.int64."),
        (lambda i, o: i.update(attention_mask=(INT64, ["rows", "n"])), "attention_mask, .*neither keys nor values"),
        (lambda i, o: i.update({"past_key_values.0.key": (FLOAT, ["rows", 2, 16])}), "neither keys nor values"),
        (lambda i, o: i.update({"past_key_values.0.key": (INT64, CACHE)}), "neither keys nor values"),
        (
            lambda i, o: i.update({"past_key_values.0.key": (FLOAT, ["rows", "heads", "capacity", 16])}),
            "past_key_values.0.key must tell how many heads",
        ),
        (
            lambda i, o: [i.pop(f"past_key_values.0.{kind}") for kind in ("key", "value")],
            "no keys and values of past tokens",
        ),
        (lambda i, o: o.update(logits=(FLOAT, ["rows", "vocabulary"])), "must have an output logits"),
        (lambda i, o: o.update(scores=o.pop("logits")), "must have an output logits"),
        (lambda i, o: o.update({"present.0.key": (INT64, ["rows", 8])}), "must have an output present.0.key"),
        (lambda i, o: o.pop("present.0.key"), "must have an output present.0.key"),
    ],
)
def test_a_graph_that_is_no_decoder_is_refused_with_the_reason(tmp_path, change, sentence):
    session = load_onnx(graph_with(tmp_path / "model.onnx", change), OPTIONS)
    with pytest.raises(InvalidArtifact, match=sentence):
        session.decoder(2, CONTEXT)
