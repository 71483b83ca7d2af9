"""A decoder of the Llama family in torch, whose keys and values lie in fixed memory: the raw loop of generation.

Weights are drawn by chance, and are those of the graph that the repository writes of the same decoder.
"""

from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.plain_decoder import DecoderSizes, PlainDecoder, plain_decoder, shapes_of, turning

THETA = 10_000.0
SPREAD = 0.04
HEAD = "lm_head.weight"


@cache
def random_decoder(sizes: DecoderSizes) -> PlainDecoder:
    drawn = np.random.default_rng(0)
    weights = {
        name: np.ones(shape, np.float32) if "norm" in name else SPREAD * drawn.standard_normal(shape, np.float32)
        for name, shape in shapes_of(sizes).items()
        if name != HEAD  # that is its embeddings
    }
    return plain_decoder(weights, sizes, turning(THETA, sizes.head_size))


class Caches:
    """Keys and values of all layers, [rows, kv_heads, capacity, head_size] each."""

    def __init__(self, sizes: DecoderSizes, rows: int, capacity: int, like: Tensor) -> None:
        shape = (rows, sizes.kv_heads, capacity, sizes.head_size)
        self.keys = [like.new_zeros(shape) for _ in range(sizes.layers)]
        self.values = [like.new_zeros(shape) for _ in range(sizes.layers)]


class TorchDecoder(nn.Module):
    """Reads `ids` int64 [rows, tokens] at `places` int64 [tokens], and answers logits fp32 [rows, vocabulary]."""

    def __init__(self, plain: PlainDecoder) -> None:
        super().__init__()
        self.sizes = sizes = plain.sizes
        model: Any = plain.model
        self.embeddings = _parameter(model.embed_tokens.weight)
        self.norm = _parameter(model.norm.weight)
        self.layers = nn.ModuleList(_Layer(layer) for layer in model.layers)
        assert plain.rotations is not None
        cosines, sines = plain.rotations(sizes.positions)
        self.register_buffer("cosines", torch.from_numpy(cosines).repeat(1, 2))
        self.register_buffer("sines", torch.from_numpy(sines).repeat(1, 2))

    def forward(self, ids: Tensor, places: Tensor, keys: list[Tensor], values: list[Tensor]) -> Tensor:
        sizes: DecoderSizes = self.sizes
        states = F.embedding(ids, self.embeddings)
        turns: Any = (self.cosines[places], self.sines[places])  # type: ignore[index]
        capacity = keys[0].shape[2]
        seen = torch.arange(capacity, device=ids.device) <= places[:, None]  # [tokens, capacity]
        for layer, own_keys, own_values in zip(self.layers, keys, values, strict=True):
            found: Any = layer
            rows = _normed(states, found.before, sizes.epsilon)
            own_keys.index_copy_(2, places, _turned(_by_head(rows @ found.k.T, sizes), turns))
            own_values.index_copy_(2, places, _by_head(rows @ found.v.T, sizes))
            queries = _turned(_by_head(rows @ found.q.T, sizes), turns)
            mixed = F.scaled_dot_product_attention(queries, own_keys, own_values, attn_mask=seen, enable_gqa=True)
            states = states + mixed.transpose(1, 2).flatten(2) @ found.o.T
            rows = _normed(states, found.after, sizes.epsilon)
            states = states + (F.silu(rows @ found.gate.T) * (rows @ found.up.T)) @ found.down.T
        return (_normed(states[:, -1], self.norm, sizes.epsilon) @ self.embeddings.T).float()


class Reading(nn.Module):
    """Reads the same tokens at the same places each time it is called, on what its caches have before them."""

    def __init__(self, decoder: Any, caches: Caches, first: int) -> None:
        super().__init__()
        self._decoder, self._caches, self._first = decoder, caches, first
        self._places: dict[int, Tensor] = {}

    def forward(self, ids: Tensor) -> Tensor:
        tokens = ids.shape[1]
        if tokens not in self._places:  # made once: a capture copies nothing from the host
            self._places[tokens] = torch.arange(self._first, self._first + tokens, device=ids.device)
        logits: Tensor = self._decoder(ids, self._places[tokens], self._caches.keys, self._caches.values)
        return logits


class _Layer(nn.Module):
    def __init__(self, layer: Any) -> None:
        super().__init__()
        own, mlp = layer.self_attn, layer.mlp
        self.q, self.k, self.v, self.o = (
            _parameter(one.weight) for one in (own.q_proj, own.k_proj, own.v_proj, own.o_proj)
        )
        self.gate, self.up, self.down = (_parameter(one.weight) for one in (mlp.gate_proj, mlp.up_proj, mlp.down_proj))
        self.before, self.after = (
            _parameter(one.weight) for one in (layer.input_layernorm, layer.post_attention_layernorm)
        )


def _parameter(array: Any) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(array).clone(), requires_grad=False)


def _by_head(rows: Tensor, sizes: DecoderSizes) -> Tensor:
    return rows.reshape(*rows.shape[:2], -1, sizes.head_size).transpose(1, 2)


def _turned(rows: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    cosines, sines = turns
    first, second = rows.chunk(2, -1)
    return rows * cosines + torch.cat([-second, first], -1) * sines


def _normed(rows: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return F.rms_norm(rows, weight.shape, weight, epsilon)
