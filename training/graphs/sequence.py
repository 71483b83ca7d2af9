"""A student translator of Marian, written as two ONNX graphs: one reads a sentence, one writes the next token.

Cross-attention multiplies keys by a single query as a column, so that no key is transposed at every token.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, ValueInfoProto
from torch import nn

from training.graphs.products import DecoderProducts
from training.graphs.writer import GraphWriter, tensor
from training.networks.marian_student import MASKED, MarianStudent, frequencies


def write_encoder(student: MarianStudent, path: Path, products: DecoderProducts) -> Path:
    """Write `path` and return it: keys and values of a sentence for each layer of the decoder.

    Inputs: `input_ids` and `attention_mask` int64 [rows, tokens]. Outputs: `cross.{i}.key` and `cross.{i}.value` fp32
    [rows, heads, tokens, size]. Those of padding mean nothing.
    """
    writer = _Writer(student, GraphWriter(), products)
    writer.read()
    inputs = [tensor(name, ("rows", "tokens"), TensorProto.INT64) for name in ("input_ids", "attention_mask")]
    return writer.graph.save(path, inputs, writer.cross("tokens"))


def write_decoder_step(student: MarianStudent, path: Path, products: DecoderProducts) -> Path:
    """Write `path` and return it: of each row the scores of the token that follows the one given.

    Inputs: `input_ids` int64 [rows, 1], at first `student.start_id`; `positions` int64 [rows], at first 0;
    `source_lengths` int64 [rows]; `cross.{i}.key` and `cross.{i}.value` fp32 [rows, heads, source, size], which beyond
    a row's length are ignored, if finite; `state.{i}` fp32 [rows, width], at first zeros. Outputs:
    `logits` fp32 [rows, vocabulary] and `present_state.{i}` fp32 [rows, width].
    """
    writer = _Writer(student, GraphWriter(), products)
    writer.step()
    numbers = {"input_ids": ("rows", 1), "positions": ("rows",), "source_lengths": ("rows",)}
    inputs = [tensor(name, shape, TensorProto.INT64) for name, shape in numbers.items()]
    inputs += [*writer.cross("source"), *writer.states("state")]
    outputs = [tensor("logits", ("rows", student.sizes.vocabulary)), *writer.states("present_state")]
    return writer.graph.save(path, inputs, outputs)


class _Writer:
    def __init__(self, student: MarianStudent, graph: GraphWriter, products: DecoderProducts) -> None:
        self.graph = graph
        self._student: Any = student  # torch types the parts of a module no further
        self._products = products
        self._width = student.sizes.width
        self._heads = student.heads
        self._size = self._width // self._heads

    def read(self) -> None:
        graph = self.graph
        tokens = graph.add("Shape", ["input_ids"], start=1, end=2)
        states = self._embedded("input_ids", self._up_to(tokens))
        masked = self._masked(graph.add("Equal", ["attention_mask", graph.constant(np.int64(0))]))
        for layer in self._student.encoder:
            states = self._self_attention(layer.attention, states, masked)
            states = self._feed_forward(layer.feed_forward, states)
        parts = [part for layer in self._student.decoder for part in (layer.attention.key, layer.attention.value)]
        found = self._products.linear(graph, states, parts)
        for output, one in zip(self.cross("tokens"), found, strict=True):
            self._by_head(one, output=output.name)

    def step(self) -> None:
        graph = self.graph
        ids = graph.add("Squeeze", ["input_ids", graph.constant([1])])
        rows = self._embedded(ids, "positions")
        source = self._up_to(graph.add("Shape", ["cross.0.key"], start=2, end=3))
        lengths = graph.add("Unsqueeze", ["source_lengths", graph.constant([1])])
        masked = self._masked(graph.add("GreaterOrEqual", [source, lengths]))
        for number, layer in enumerate(self._student.decoder):
            rows = self._recurrence(layer.recurrence, number, rows)
            rows = self._cross_attention(layer.attention, number, rows, masked)
            rows = self._feed_forward(layer.feed_forward, rows)
        scores = self._products.head(graph, rows, self._student.embedding)
        graph.add("Add", [scores, graph.constant(self._student.bias.detach().numpy())], output="logits")

    def cross(self, tokens: str) -> list[ValueInfoProto]:
        layers, shape = range(len(self._student.decoder)), ("rows", self._heads, tokens, self._size)
        return [tensor(f"cross.{layer}.{part}", shape) for layer in layers for part in ("key", "value")]

    def states(self, name: str) -> list[ValueInfoProto]:
        return [tensor(f"{name}.{layer}", ("rows", self._width)) for layer in range(len(self._student.decoder))]

    def _embedded(self, ids: str, positions: str) -> str:
        """[..., width]. The id after the last token has zeros, which are not in the table: the head reads it, too."""
        graph, last = self.graph, np.int64(self._student.start_id - 1)
        found = self._products.lookup(graph, self._student.embedding, graph.add("Min", [ids, graph.constant(last)]))
        is_token = graph.add("LessOrEqual", [ids, graph.constant(last)])
        sizes = [graph.constant(np.float32(size)) for size in (self._width**0.5, 0)]
        scale = graph.add("Unsqueeze", [graph.add("Where", [is_token, *sizes]), graph.constant([-1])])
        at = graph.add("Cast", [graph.add("Unsqueeze", [positions, graph.constant([-1])])], to=TensorProto.FLOAT)
        angles = graph.add("Mul", [at, graph.constant(frequencies(self._width).numpy())])
        signals = graph.add("Concat", [graph.add("Sin", [angles]), graph.add("Cos", [angles])], axis=-1)
        return graph.add("Add", [graph.add("Mul", [found, scale]), signals])

    def _up_to(self, count: str) -> str:
        """int64 from 0 up to `count` [1]."""
        start, step = (self.graph.constant(np.int64(one)) for one in (0, 1))
        return self.graph.add("Range", [start, self.graph.add("Squeeze", [count]), step])

    def _masked(self, is_padding: str) -> str:
        """Of bool [rows, tokens], [rows, 1, 1, tokens] to be added to attention scores."""
        values = [self.graph.constant(np.float32(value)) for value in (MASKED, 0)]
        masked = self.graph.add("Where", [is_padding, *values])
        return self.graph.add("Unsqueeze", [masked, self.graph.constant([1, 2])])

    def _self_attention(self, layer: Any, states: str, masked: str) -> str:
        graph = self.graph
        query, key, value = self._products.linear(graph, states, [layer.query, layer.key, layer.value])
        scores = graph.add("MatMul", [self._by_head(query), self._by_head(key, (0, 2, 3, 1))])
        attended = graph.add("MatMul", [self._softmax(scores, masked), self._by_head(value)])
        attended = graph.add("Transpose", [attended], perm=[0, 2, 1, 3])
        return self._attended(layer, states, graph.add("Reshape", [attended, graph.constant([0, 0, self._width])]))

    def _cross_attention(self, layer: Any, number: int, rows: str, masked: str) -> str:
        graph = self.graph
        (query,) = self._products.linear(graph, rows, [layer.query])
        column = graph.add("Reshape", [query, graph.constant([0, self._heads, self._size, 1])])
        scores = graph.add("MatMul", [f"cross.{number}.key", column])
        scores = graph.add("Reshape", [scores, graph.constant([0, 0, 1, -1])])
        attended = graph.add("MatMul", [self._softmax(scores, masked), f"cross.{number}.value"])
        return self._attended(layer, rows, graph.add("Reshape", [attended, graph.constant([0, self._width])]))

    def _softmax(self, scores: str, masked: str) -> str:
        scaled = self.graph.add("Mul", [scores, self.graph.constant(np.float32(self._size**-0.5))])
        return self.graph.add("Softmax", [self.graph.add("Add", [scaled, masked])], axis=-1)

    def _attended(self, layer: Any, states: str, attended: str) -> str:
        (change,) = self._products.linear(self.graph, attended, [layer.output])
        return self._normalised(layer.norm, states, change)

    def _by_head(self, states: str, order: Sequence[int] = (0, 2, 1, 3), output: str = "") -> str:
        split = self.graph.constant([0, 0, self._heads, self._size])
        return self.graph.add(
            "Transpose", [self.graph.add("Reshape", [states, split])], perm=list(order), output=output
        )

    def _recurrence(self, layer: Any, number: int, rows: str) -> str:
        graph = self.graph
        candidate, forget = self._products.linear(graph, rows, [layer.candidate, layer.forget])
        kept = graph.add("Sigmoid", [forget])
        faded = graph.add("Mul", [kept, graph.add("Sub", [f"state.{number}", candidate])])
        state = graph.add("Add", [candidate, faded], output=f"present_state.{number}")
        return self._normalised(layer.norm, rows, graph.add("Relu", [state]))

    def _feed_forward(self, layer: Any, states: str) -> str:
        (hidden,) = self._products.linear(self.graph, states, [layer.widening])
        (change,) = self._products.linear(self.graph, self.graph.add("Relu", [hidden]), [layer.narrowing])
        return self._normalised(layer.norm, states, change)

    def _normalised(self, layer: nn.LayerNorm, states: str, change: str) -> str:
        weights = [self.graph.constant(one.detach().numpy()) for one in (layer.weight, layer.bias)]
        total = self.graph.add("Add", [states, change])
        return self.graph.add("LayerNormalization", [total, *weights], axis=-1, epsilon=layer.eps)
