"""Encoder-decoders of transformers, written as two ONNX graphs: one reads a source, one writes the next token.

Attention of a step is ONNX Runtime's GroupQueryAttention, to the answer and to the source: it reads no further than
each row has tokens or places. It appends a key and a value; of a source these are the last ones, so nothing changes.
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, ValueInfoProto
from torch import nn

from training.graphs.activations import activated
from training.graphs.linear import array_of, joined
from training.graphs.products import DecoderProducts
from training.graphs.writer import ONNX_RUNTIME, GraphWriter, tensor
from training.networks.sequence_models import AttentionPart, FeedForwardPart, LayerParts, SequenceNetwork, Stack


def write_text_encoder(network: SequenceNetwork, path: Path, products: DecoderProducts) -> Path:
    """Write `path` and return it: keys and values of a text for each layer of the decoder.

    Inputs: `input_ids` and `attention_mask` int64 [rows, tokens]. Outputs: `cross.{i}.key` and `cross.{i}.value` fp32
    [rows, heads, tokens, size]. Those of padding mean nothing.
    """
    graph = GraphWriter()
    writer = SourceWriter(network, graph, products)
    states = writer.embedded("input_ids")
    writer.keys_and_values(writer.layers(states, graph.add("Cast", ["attention_mask"], to=TensorProto.INT32)))
    inputs = [tensor(name, ("rows", "tokens"), TensorProto.INT64) for name in ("input_ids", "attention_mask")]
    return graph.save(path, inputs, cross_tensors(network, "cross", "tokens"))


def write_token_step(network: SequenceNetwork, path: Path, products: DecoderProducts) -> Path:
    """Write `path` and return it: of each row the scores of the token that follows the one given.

    Inputs: `input_ids` int64 [rows, 1]; `positions` int64 [rows], of how many tokens `past_key_values.{i}.key` and
    `.value` fp32 [rows, heads, capacity, size] are; `source_lengths` int64 [rows], of how many places
    `cross.{i}.key` and `.value` fp32 [rows, heads, places, size] are, at least one. Outputs: `logits` fp32
    [rows, vocabulary], and `present.{i}.key`, `present_cross.{i}.key` and both `.value`, which may be the memory of
    what was given.
    """
    graph = GraphWriter()
    _Step(network, graph, products).write()
    numbers = {"input_ids": ("rows", 1), "positions": ("rows",), "source_lengths": ("rows",)}
    inputs = [tensor(name, shape, TensorProto.INT64) for name, shape in numbers.items()]
    inputs += [*cross_tensors(network, "cross", "places"), *cross_tensors(network, "past_key_values", "capacity")]
    outputs = [tensor("logits", ("rows", len(network.head)))]
    outputs += [*cross_tensors(network, "present", "capacity"), *cross_tensors(network, "present_cross", "places")]
    return graph.save(path, inputs, outputs)


def cross_tensors(network: SequenceNetwork, name: str, places: str) -> list[ValueInfoProto]:
    """Keys and values of each layer of the decoder."""
    layers, shape = range(len(network.decoder.layers)), ("rows", network.decoder.heads, places, network.decoder.size)
    return [tensor(f"{name}.{layer}.{part}", shape) for layer in layers for part in ("key", "value")]


class _Layers:
    """Layers as encoder and decoder have them. States are fp32 [rows, tokens, width]."""

    def __init__(self, network: SequenceNetwork, stack: Stack, graph: GraphWriter, products: DecoderProducts) -> None:
        self.graph, self._network, self._stack, self._products = graph, network, stack, products

    def embedded(self, ids: str, positions: str = "") -> str:
        """States of tokens before the first layer; `positions` int64 [rows, 1], of tokens one after another if "" ."""
        graph, stack = self.graph, self._stack
        assert stack.embeddings is not None, "it reads tokens"
        states = self._scaled(self._products.lookup(graph, stack.embeddings, ids), stack.scale)
        if stack.positions is not None:
            table = graph.constant(array_of(stack.positions))
            at = positions or self._up_to(graph.add("Shape", [ids], start=1, end=2))
            states = graph.add("Add", [states, graph.add("Gather", [table, at])])
        return self._normed(stack.first_norm, states) if stack.first_norm is not None else states

    def _up_to(self, count: str) -> str:
        """int64 from 0 up to `count`, of one element or a scalar."""
        start, step = (self.graph.constant(np.int64(one)) for one in (0, 1))
        return self.graph.add("Range", [start, self.graph.add("Squeeze", [count]), step])

    def _scaled(self, states: str, scale: float) -> str:
        return states if scale == 1 else self.graph.add("Mul", [states, self.graph.constant(np.float32(scale))])

    def _read(self, norm: nn.Module, states: str) -> str:
        """The states as a part of a layer reads them."""
        return self._normed(norm, states) if self._network.traits.norms_first else states

    def _changed(self, norm: nn.Module, states: str, change: str) -> str:
        total = self.graph.add("Add", [states, change])
        return total if self._network.traits.norms_first else self._normed(norm, total)

    def _normed(self, norm: nn.Module, states: str) -> str:
        if isinstance(norm, nn.LayerNorm):
            weights = [self.graph.constant(array_of(one)) for one in (norm.weight, norm.bias)]
            return self.graph.add("LayerNormalization", [states, *weights], axis=-1, epsilon=norm.eps)
        own: Any = norm  # T5's, by the root mean square; torch types the parts of a module no further
        inputs = [states, self.graph.constant(array_of(own.weight))]
        return self.graph.add("SimplifiedLayerNormalization", inputs, axis=-1, epsilon=own.variance_epsilon)

    def _output(self, part: AttentionPart, states: str, attended: str) -> str:
        (change,) = self._products.linear(self.graph, attended, [part.output])
        return self._changed(part.norm, states, change)

    def _feed_forward(self, part: FeedForwardPart, states: str) -> str:
        hidden, *let_through = self._products.linear(self.graph, self._read(part.norm, states), part.widening)
        hidden = activated(self.graph, hidden, self._stack.activation)
        for other in let_through:
            hidden = self.graph.add("Mul", [hidden, other])
        (change,) = self._products.linear(self.graph, hidden, [part.narrowing])
        return self._changed(part.norm, states, change)


class SourceWriter(_Layers):
    """Writes the encoder's layers, whatever the states before them are made of."""

    def __init__(self, network: SequenceNetwork, graph: GraphWriter, products: DecoderProducts) -> None:
        super().__init__(network, network.encoder, graph, products)

    def layers(self, states: str, mask: str = "") -> str:
        """The last states; of [rows, tokens] in int32 `mask` has 0 where no token is read, and all are if it is ""."""
        bias = self._biases(states)
        for layer in self._stack.layers:
            states = self._attention(layer.attention, states, mask, bias)
            states = self._feed_forward(layer.feed_forward, states)
        return self._normed(self._stack.last_norm, states) if self._stack.last_norm is not None else states

    def keys_and_values(self, states: str) -> None:
        """The outputs `cross.{i}.key` and `cross.{i}.value`."""
        graph, decoder = self.graph, self._network.decoder
        crosses = [layer.cross for layer in decoder.layers if layer.cross is not None]
        found = self._products.linear(graph, states, [part for one in crosses for part in (one.key, one.value)])
        split = graph.constant([0, 0, decoder.heads, decoder.size])
        for output, one in zip(cross_tensors(self._network, "cross", "tokens"), found, strict=True):
            graph.add("Transpose", [graph.add("Reshape", [one, split])], perm=[0, 2, 1, 3], output=output.name)

    def _attention(self, part: AttentionPart, states: str, mask: str, bias: str) -> str:
        layers = [part.query, part.key, part.value]
        read = self._products.linear(self.graph, self._read(part.norm, states), layers)
        attended = self.graph.add(
            "MultiHeadAttention",
            [*read, "", mask, bias],
            domain=ONNX_RUNTIME,
            num_heads=self._stack.heads,
            scale=self._stack.score_scale,
        )
        return self._output(part, states, attended)

    def _biases(self, states: str) -> str:
        """Of each query and key, [1, heads, tokens, tokens]; "" if there are none."""
        graph, stack = self.graph, self._stack
        if stack.distances is None:
            return ""
        at = self._up_to(graph.add("Shape", [states], start=1, end=2))
        distances = graph.add(
            "Sub",
            [graph.add("Unsqueeze", [at, graph.constant([0])]), graph.add("Unsqueeze", [at, graph.constant([1])])],
        )
        ends = [graph.constant(np.int64(one)) for one in (-stack.furthest, stack.furthest)]
        places = graph.add("Add", [graph.add("Clip", [distances, *ends]), ends[1]])
        found = graph.add("Gather", [graph.constant(array_of(stack.distances)), places], axis=1)
        return graph.add("Unsqueeze", [found, graph.constant([0])])


class _Step(_Layers):
    """Writes the decoder's layers for one token of each row."""

    def __init__(self, network: SequenceNetwork, graph: GraphWriter, products: DecoderProducts) -> None:
        super().__init__(network, network.decoder, graph, products)
        self._past = self._lengths("positions", 0)
        self._places = self._lengths("source_lengths", -1)
        last = graph.add("Sub", ["source_lengths", graph.constant(np.int64(1))])
        last = graph.add("Reshape", [last, graph.constant([-1, 1, 1])])
        self._last_place = graph.add("Expand", [last, graph.constant([1, network.decoder.heads, 1])])

    def write(self) -> None:
        graph, stack = self.graph, self._stack
        states = self.embedded("input_ids", graph.add("Unsqueeze", ["positions", graph.constant([1])]))
        bias = self._biases()
        for number, layer in enumerate(stack.layers):
            states = self._self_attention(layer.attention, number, states, bias)
            states = self._cross_attention(layer, number, states)
            states = self._feed_forward(layer.feed_forward, states)
        states = self._normed(stack.last_norm, states) if stack.last_norm is not None else states
        rows = self._scaled(graph.add("Squeeze", [states, graph.constant([1])]), self._network.head_scale)
        scores = self._products.head(graph, rows, self._network.head)
        if self._network.bias is not None:
            scores = graph.add("Add", [scores, graph.constant(array_of(self._network.bias))])
        graph.add("Identity", [scores], output="logits")

    def _lengths(self, counts: str, more: int) -> list[str]:
        """As GroupQueryAttention takes them: of each row the keys and values less one, and the most of all rows."""
        graph = self.graph
        less_one = graph.add("Add", [counts, graph.constant(np.int64(more))])
        most = graph.add("Add", [graph.add("ReduceMax", [less_one], keepdims=0), graph.constant(np.int64(1))])
        return [graph.add("Cast", [one], to=TensorProto.INT32) for one in (less_one, most)]

    def _biases(self) -> str:
        """Of the distances of each row's token to those before it, [rows, heads, 1, tokens]; "" if there are none."""
        graph, stack = self.graph, self._stack
        if stack.distances is None:
            return ""
        at = self._up_to(graph.add("Cast", [self._past[1]], to=TensorProto.INT64))
        distances = graph.add("Sub", [graph.add("Reshape", ["positions", graph.constant([-1, 1, 1])]), at])
        ends = [graph.constant(np.int64(one)) for one in (0, stack.furthest)]
        table = graph.constant(array_of(stack.distances))
        found = graph.add("Gather", [table, graph.add("Clip", [distances, *ends])], axis=1)
        return graph.add("Transpose", [found], perm=[1, 0, 2, 3])

    def _self_attention(self, part: AttentionPart, number: int, states: str, bias: str) -> str:
        own = [joined(part.query, part.key, part.value)]
        (packed,) = self._products.linear(self.graph, self._read(part.norm, states), own)
        inputs = [packed, "", "", *_both("past_key_values", number), *self._past]
        return self._output(
            part, states, self._attended([*inputs, "", "", "", bias] if bias else inputs, _both("present", number))
        )

    def _cross_attention(self, layer: LayerParts, number: int, states: str) -> str:
        graph, part = self.graph, layer.cross
        assert part is not None, "it is a decoder's"
        (query,) = self._products.linear(graph, self._read(part.norm, states), [part.query])
        names, width = _both("cross", number), self._stack.heads * self._stack.size
        last = [
            graph.add(
                "Reshape",
                [graph.add("GatherND", [name, self._last_place], batch_dims=2), graph.constant([0, 1, width])],
            )
            for name in names
        ]
        return self._output(
            part, states, self._attended([query, *last, *names, *self._places], _both("present_cross", number))
        )

    def _attended(self, inputs: list[str], presents: list[str]) -> str:
        return self.graph.append(
            "GroupQueryAttention",
            inputs,
            [self.graph.name("attended"), *presents],
            domain=ONNX_RUNTIME,
            num_heads=self._stack.heads,
            kv_num_heads=self._stack.heads,
            scale=self._stack.score_scale,
        )


def _both(name: str, layer: int) -> list[str]:
    return [f"{name}.{layer}.{part}" for part in ("key", "value")]
