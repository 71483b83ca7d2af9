"""A BERT encoder, written as an ONNX graph of few operators, which ONNX Runtime runs faster than an exported one.

Devlin et al., "BERT", 2018, https://arxiv.org/abs/1810.04805. On a CPU its fused operators for this network (attention,
skip with layer normalization, bias with GELU) were slower than the plain ones, so these are used.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto

from training.graphs.linear import Fp32Products, Layer, Products, array_of
from training.graphs.writer import GraphWriter, tensor

SHORTEST = 1e-12  # of a vector that is divided by its length
MASKED = -1e4  # added to the scores of what is not there; its softmax is zero


def write_bert(bert: Any, head: Layer | None, path: Path, products: Products) -> Path:
    """Write `path` and return it: the mean of the last states of the tokens that are there, through `head`.

    `bert`: transformers' BertModel, or its weights and configuration by the same names, as in networks/arrays.py.
    Inputs: `input_ids` and `attention_mask`, int64 [batch, tokens]. Output: `logits` [batch, labels], or without a
    head `embedding` [batch, hidden], of length one; fp32.
    """
    encoder = _Encoder(bert, GraphWriter(), products)
    pooled = encoder.pooled(encoder.states())
    graph, outputs = encoder.graph, bert.config.hidden_size
    if head is None:
        name = "embedding"
        length = graph.add("ReduceL2", [pooled, graph.constant([-1])], keepdims=1)
        length = graph.add("Max", [length, graph.constant(np.float32(SHORTEST))])
        graph.add("Div", [pooled, length], output=name)
    else:
        name, outputs = "logits", len(head.weight)
        (answer,) = Fp32Products().linear(graph, pooled, [head])
        graph.add("Identity", [answer], output=name)
    shape = ("batch", "tokens")
    inputs = [tensor(one, shape, TensorProto.INT64) for one in ("input_ids", "attention_mask")]
    return graph.save(path, inputs, [tensor(name, ("batch", outputs))])


class _Encoder:
    def __init__(self, bert: Any, graph: GraphWriter, products: Products) -> None:
        self.graph = graph
        self._bert = bert
        self._epsilon: float = bert.config.layer_norm_eps
        self._products = products
        self._heads = bert.config.num_attention_heads
        self._head_size = bert.config.hidden_size // self._heads
        self._mask = graph.add("Cast", ["attention_mask"], to=TensorProto.FLOAT)
        self._one = graph.constant(np.float32(1))

    def states(self) -> str:
        """The last hidden states, [batch, tokens, hidden]."""
        absent = self.graph.add("Sub", [self._one, self._mask])
        absent = self.graph.add("Mul", [absent, self.graph.constant(np.float32(MASKED))])
        absent = self.graph.add("Unsqueeze", [absent, self.graph.constant([1, 2])])
        states = self._embedded()
        for layer in self._bert.encoder.layer:
            attended = self._attention(layer.attention.self, states, absent)
            (attended,) = self._products.linear(self.graph, attended, [layer.attention.output.dense])
            states = self._normalized(layer.attention.output.LayerNorm, attended, states)
            (hidden,) = self._products.linear(self.graph, states, [layer.intermediate.dense])
            hidden = self.graph.add("Gelu", [hidden])
            (hidden,) = self._products.linear(self.graph, hidden, [layer.output.dense], after_gelu=True)
            states = self._normalized(layer.output.LayerNorm, hidden, states)
        return states

    def pooled(self, states: str) -> str:
        """The mean of `states` over the tokens that are there, [batch, hidden]."""
        graph, tokens = self.graph, self.graph.constant([1])
        mask = graph.add("Unsqueeze", [self._mask, graph.constant([-1])])
        total = graph.add("ReduceSum", [graph.add("Mul", [states, mask]), tokens], keepdims=0)
        count = graph.add("ReduceSum", [mask, tokens], keepdims=0)
        return graph.add("Div", [total, graph.add("Max", [count, self._one])])

    def _embedded(self) -> str:
        embeddings = self._bert.embeddings
        words = self._products.lookup(self.graph, embeddings.word_embeddings.weight, "input_ids")
        # Every token is of the first kind: there is one text.
        places = array_of(embeddings.position_embeddings.weight)
        places = places + array_of(embeddings.token_type_embeddings.weight)[0]
        table, zero = self.graph.constant(places), self.graph.constant([0])
        tokens = self.graph.add("Shape", ["input_ids"], start=1, end=2)
        placed = self.graph.add("Slice", [table, zero, tokens, zero])
        return self._normalized(embeddings.LayerNorm, words, placed)

    def _attention(self, layer: Any, states: str, absent: str) -> str:
        queries, keys, values = self._products.linear(self.graph, states, [layer.query, layer.key, layer.value])
        scores = self.graph.add("MatMul", [self._by_head(queries), self._by_head(keys, (0, 2, 3, 1))])
        scores = self.graph.add("Mul", [scores, self.graph.constant(np.float32(self._head_size**-0.5))])
        weights = self.graph.add("Softmax", [self.graph.add("Add", [scores, absent])], axis=-1)
        mixed = self.graph.add("MatMul", [weights, self._by_head(values)])
        joined = self.graph.constant([0, 0, self._heads * self._head_size])
        return self.graph.add("Reshape", [self.graph.add("Transpose", [mixed], perm=[0, 2, 1, 3]), joined])

    def _by_head(self, rows: str, order: Sequence[int] = (0, 2, 1, 3)) -> str:
        split = self.graph.constant([0, 0, self._heads, self._head_size])
        return self.graph.add("Transpose", [self.graph.add("Reshape", [rows, split])], perm=list(order))

    def _normalized(self, layer: Layer, change: str, states: str) -> str:
        weights = [self.graph.constant(array_of(one)) for one in (layer.weight, layer.bias)]
        total = self.graph.add("Add", [change, states])
        return self.graph.add("LayerNormalization", [total, *weights], axis=-1, epsilon=self._epsilon)
