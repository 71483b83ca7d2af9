"""A decoder of the Llama family or of GPT-2's, written as an ONNX graph that keeps keys and values beside it.

Touvron et al., "LLaMA", 2023, https://arxiv.org/abs/2302.13971. Attention is ONNX Runtime's GroupQueryAttention, which
turns queries and keys by their position, appends keys and values to the buffers it is given, and reads no further than
each row's length: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, ValueInfoProto

from app.tensors import Array
from training.graphs.activations import activated
from training.graphs.linear import joined
from training.graphs.products import DecoderProducts
from training.graphs.writer import ONNX_RUNTIME, GraphWriter, tensor
from training.networks.plain_decoder import PlainDecoder


def write_decoder(decoder: PlainDecoder, path: Path, products: DecoderProducts, positions: int) -> Path:
    """Write `path` and return it: the scores of the token that follows the last one of each row.

    Inputs: `input_ids` int64 [rows, tokens]; `seqlens_k` int32 [rows], of each row the tokens before and in `input_ids`
    less one; `total_sequence_length` int32, a scalar, the most of these tokens; and of each layer
    `past_key_values.{i}.key` and `.value` fp32 [rows, kv_heads, capacity, head_size]. Outputs: `logits` fp32
    [rows, vocabulary] and `present.{i}.key` and `.value`, which may be the memory of the past. More than one token at a
    time is for one row only, or for rows without a past. `positions`: the most tokens of a row.
    """
    writer = _Writer(decoder, GraphWriter(), products, positions)
    writer.write()
    return writer.graph.save(path, writer.inputs, writer.outputs)


class _Writer:
    def __init__(self, decoder: PlainDecoder, graph: GraphWriter, products: DecoderProducts, positions: int) -> None:
        self.graph = graph
        self._decoder = decoder
        self._products = products
        self._sizes = decoder.sizes
        self._family = decoder.sizes.family
        self._positions = positions
        self._turns = [graph.constant(table) for table in decoder.rotations(positions)] if decoder.rotations else []
        self.inputs = [
            tensor("input_ids", ("rows", "tokens"), TensorProto.INT64),
            tensor("seqlens_k", ("rows",), TensorProto.INT32),
            tensor("total_sequence_length", (), TensorProto.INT32),
        ]
        self.outputs = [tensor("logits", ("rows", decoder.sizes.vocabulary))]

    def write(self) -> None:
        model = self._decoder.model
        states = self._products.lookup(self.graph, model.embed_tokens.weight, "input_ids")
        if not self._family.turns:
            states = self.graph.add("Add", [states, self._placed(model.embed_positions.weight)])
        change = ""
        for number, layer in enumerate(model.layers):
            states, normed = self._normed(layer.input_layernorm, states, change)
            change = self._attention(layer.self_attn, number, normed)
            if layer is model.layers[-1]:  # nothing of the other tokens is read from here on
                states, change = self._last(states), self._last(change)
            (change,) = self._products.linear(self.graph, change, [layer.self_attn.o_proj])
            states, normed = self._normed(layer.post_attention_layernorm, states, change)
            change = self._mlp(layer.mlp, normed)
        _, normed = self._normed(model.norm, states, change)
        scores = self._products.head(self.graph, normed, self._decoder.lm_head.weight)
        self.graph.add("Identity", [scores], output="logits")

    def _placed(self, table: Array) -> str:
        """The entry of each token's position, fp32 [rows, tokens, width]."""
        graph, one = self.graph, self.graph.constant(np.int64(1))
        tokens = graph.add("Squeeze", [graph.add("Shape", ["input_ids"], start=1, end=2)])
        last = graph.add("Unsqueeze", [graph.add("Cast", ["seqlens_k"], to=TensorProto.INT64), graph.constant([1])])
        first = graph.add("Sub", [graph.add("Add", [last, one]), tokens])
        steps = graph.add("Range", [graph.constant(np.int64(0)), tokens, one])
        return graph.add("Gather", [graph.constant(table[: self._positions]), graph.add("Add", [first, steps])])

    def _normed(self, norm: Any, states: str, change: str) -> tuple[str, str]:
        """The sum of `states` and `change`, if there is one, and that after the norm."""
        weights, epsilon = [self.graph.constant(norm.weight)], self._sizes.epsilon
        operator = "SimplifiedLayerNormalization"
        if self._family.centres:
            operator, weights = "LayerNormalization", [*weights, self.graph.constant(norm.bias)]
        if not change:
            return states, self.graph.add(operator, [states, *weights], axis=-1, epsilon=epsilon)
        total, normed = self.graph.name("total"), self.graph.name("normed")
        inputs, outputs = [states, change, *weights], [normed, "", "", total]
        self.graph.append(f"Skip{operator}", inputs, outputs, domain=ONNX_RUNTIME, epsilon=epsilon)
        return total, normed

    def _attention(self, layer: Any, number: int, normed: str) -> str:
        (packed,) = self._products.linear(self.graph, normed, [joined(layer.q_proj, layer.k_proj, layer.v_proj)])
        past, present = (
            [f"{name}.{number}.{part}" for part in ("key", "value")] for name in ("past_key_values", "present")
        )
        self.inputs += map(self._buffer, past)
        self.outputs += map(self._buffer, present)
        return self.graph.append(
            "GroupQueryAttention",
            [packed, "", "", *past, "seqlens_k", "total_sequence_length", *self._turns],
            [f"attended_{number}", *present],
            domain=ONNX_RUNTIME,
            num_heads=self._sizes.heads,
            kv_num_heads=self._sizes.kv_heads,
            scale=self._sizes.head_size**-0.5,
            do_rotary=int(self._family.turns),
        )

    def _mlp(self, layer: Any, normed: str) -> str:
        widening = [layer.gate_proj, layer.up_proj] if self._family.gates else [layer.up_proj]
        hidden, *let_through = self._products.linear(self.graph, normed, widening)
        hidden = activated(self.graph, hidden, self._family.activation)
        for other in let_through:
            hidden = self.graph.add("Mul", [hidden, other])
        (change,) = self._products.linear(self.graph, hidden, [layer.down_proj])
        return change

    def _last(self, states: str) -> str:
        """[rows, width] of [rows, tokens, width]."""
        return self.graph.add("Gather", [states, self.graph.constant(np.int64(-1))], axis=1)

    def _buffer(self, name: str) -> ValueInfoProto:
        return tensor(name, ("rows", self._sizes.kv_heads, "capacity", self._sizes.head_size))
