"""A decoder of the Llama family, Qwen2 among it, written as an ONNX graph that keeps keys and values beside it.

Touvron et al., "LLaMA", 2023, https://arxiv.org/abs/2302.13971. Attention is ONNX Runtime's GroupQueryAttention, which
turns queries and keys by their position, appends keys and values to the buffers it is given, and reads no further than
each row's length: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, ValueInfoProto

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
        self._turns = [graph.constant(table) for table in decoder.rotations(positions)]
        self.inputs = [
            tensor("input_ids", ("rows", "tokens"), TensorProto.INT64),
            tensor("seqlens_k", ("rows",), TensorProto.INT32),
            tensor("total_sequence_length", (), TensorProto.INT32),
        ]
        self.outputs = [tensor("logits", ("rows", decoder.sizes.vocabulary))]

    def write(self) -> None:
        model = self._decoder.model
        states = self._products.lookup(self.graph, model.embed_tokens.weight, "input_ids")
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

    def _normed(self, norm: Any, states: str, change: str) -> tuple[str, str]:
        """The sum of `states` and `change`, if there is one, and that divided by its root mean square."""
        weight, epsilon = self.graph.constant(norm.weight), self._sizes.epsilon
        if not change:
            normed = self.graph.add("SimplifiedLayerNormalization", [states, weight], axis=-1, epsilon=epsilon)
            return states, normed
        total, normed = self.graph.name("total"), self.graph.name("normed")
        inputs, outputs = [states, change, weight], [normed, "", "", total]
        self.graph.append("SkipSimplifiedLayerNormalization", inputs, outputs, domain=ONNX_RUNTIME, epsilon=epsilon)
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
            do_rotary=1,
        )

    def _mlp(self, layer: Any, normed: str) -> str:
        gate, up = self._products.linear(self.graph, normed, [layer.gate_proj, layer.up_proj])
        opened = self.graph.add("QuickGelu", [gate], domain=ONNX_RUNTIME, alpha=1.0)  # x sigmoid(x), that is SiLU
        (change,) = self._products.linear(self.graph, self.graph.add("Mul", [opened, up]), [layer.down_proj])
        return change

    def _last(self, states: str) -> str:
        """[rows, width] of [rows, tokens, width]."""
        return self.graph.add("Gather", [states, self.graph.constant(np.int64(-1))], axis=1)

    def _buffer(self, name: str) -> ValueInfoProto:
        return tensor(name, ("rows", self._sizes.kv_heads, "capacity", self._sizes.head_size))
