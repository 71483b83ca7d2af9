"""The weights of a BERT, read back from the int8 graph that graphs/bert.py wrote of it, as near as 8 bits keep them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import NodeProto, numpy_helper
from torch import Tensor

from app.tensors import Array
from training.networks.minilm import TextClassifier

OF_EACH_LAYER = 6  # products: queries, keys, values, what follows attention, and the two around a GELU


def read_classifier(path: Path, network: TextClassifier) -> TextClassifier:
    """Put the weights of the graph at `path` into `network`, which has as many layers, and return it.

    Raises ValueError if the graph is of another network, or in other precision.
    """
    graph = _Graph(path)
    products, norms = graph.products(), list(graph.norms())
    bert: Any = network.bert
    layers, embeddings = bert.encoder.layer, bert.embeddings
    if len(products) != OF_EACH_LAYER * len(layers) or len(norms) != 2 * len(layers) + 1:
        raise ValueError(f"{path} is no int8 graph of a BERT of {len(layers)} layers")
    with torch.no_grad():
        _set(embeddings.word_embeddings.weight, graph.words())
        _set(embeddings.position_embeddings.weight, graph.places())
        embeddings.token_type_embeddings.weight.zero_()  # which the graph has among its places
    _put(embeddings.LayerNorm, *norms[0])
    for number, layer in enumerate(layers):
        attention = layer.attention
        there = [attention.self.query, attention.self.key, attention.self.value, attention.output.dense]
        there += [layer.intermediate.dense, layer.output.dense]
        for module, found in zip(there, products[OF_EACH_LAYER * number :], strict=False):
            _put(module, *found)
        _put(attention.output.LayerNorm, *norms[2 * number + 1])
        _put(layer.output.LayerNorm, *norms[2 * number + 2])
    _put(network.head, *graph.head())
    return network.eval()


def _put(module: Any, weight: Array, bias: Array) -> None:
    with torch.no_grad():
        _set(module.weight, weight)
        _set(module.bias, bias)


def _set(parameter: Tensor, array: Array) -> None:
    if parameter.shape != array.shape:
        raise ValueError(f"the graph has {array.shape} where the network has {tuple(parameter.shape)}")
    parameter.copy_(torch.tensor(array))


class _Graph:
    """The constants of a graph, by what reads them; what is read is in the order of the writer."""

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path).graph
        self._nodes = list(graph.node)
        self._constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self._givers = {output: node for node in self._nodes for output in node.output}

    def products(self) -> list[tuple[Array, Array]]:
        """Weight [outputs, inputs] and bias [outputs] of each."""
        return [self._product(node) for node in self._of("MatMulIntegerToFloat")]

    def norms(self) -> Iterator[tuple[Array, Array]]:
        for node in self._of("LayerNormalization"):
            yield self._constants[node.input[1]], self._constants[node.input[2]]

    def words(self) -> Array:
        codes, scales = (self._constants[node.input[0]] for node in self._of("Gather"))
        return np.asarray(codes * scales, np.float32)

    def places(self) -> Array:
        (node,) = self._of("Slice")
        return self._constants[node.input[0]]

    def head(self) -> tuple[Array, Array]:
        node = [node for node in self._of("MatMul") if node.input[1] in self._constants][-1]
        return self._constants[node.input[1]].T.copy(), self._added_to(node)

    def _product(self, node: NodeProto) -> tuple[Array, Array]:
        weight = self._constants[node.input[1]] * self._constants[node.input[3]]
        factors = self._constants.get(self._givers[self._givers[node.input[0]].input[0]].input[1])
        if factors is not None:  # activations were divided by what the weights were multiplied by
            weight = weight * factors[:, None]
        has_bias = len(node.input) > 6
        bias = self._constants[node.input[6]] if has_bias else self._added_to(self._reader(node))
        return np.asarray(weight.T, np.float32).copy(), bias

    def _added_to(self, node: NodeProto) -> Array:
        return self._constants[self._reader(node).input[1]]

    def _reader(self, node: NodeProto) -> NodeProto:
        found: NodeProto = next(other for other in self._nodes if node.output[0] in other.input)
        return found

    def _of(self, kind: str) -> list[NodeProto]:
        return [node for node in self._nodes if node.op_type == kind]
