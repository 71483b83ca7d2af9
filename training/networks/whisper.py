"""Whisper as transformers runs it, with weights that are called as CTranslate2 calls them.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, https://arxiv.org/abs/2212.04356.
Names: https://github.com/OpenNMT/CTranslate2/blob/master/python/ctranslate2/specs/whisper_spec.py
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from transformers import WhisperConfig, WhisperForConditionalGeneration

from app.tensors import Array, Tensors
from training.errors import TrainingError

GELU = 3  # among CTranslate2's activations
SETTINGS = {
    f"{part}/{name}": value
    for part in ("encoder", "decoder")
    for name, value in (("activation", GELU), ("pre_norm", 1), ("alibi", 0), ("scale_embeddings", 0))
}
# Linear layers that CTranslate2 stores as one are told as their parts; only keys have no bias.
ATTENTION = {"linear_0": ("q_proj", "k_proj", "v_proj"), "linear_1": ("out_proj",)}
CROSS_ATTENTION = {"linear_0": ("q_proj",), "linear_1": ("k_proj", "v_proj"), "linear_2": ("out_proj",)}
ENCODER_LAYER = {"self_attention": ("self_attn", ATTENTION)}
DECODER_LAYER = {**ENCODER_LAYER, "attention": ("encoder_attn", CROSS_ATTENTION)}
LAYERS = {"encoder": ENCODER_LAYER, "decoder": DECODER_LAYER}


class Heard(NamedTuple):
    """A window, features fp32 [mels, frames], and the tokens of its transcript: `asked` first ones, then its own."""

    features: Array
    ids: Sequence[int]
    asked: int


def whisper_from(stored: Tensors) -> WhisperForConditionalGeneration:
    """The network in fp32 and evaluation mode. Raises TrainingError unless `stored` is a whole Whisper, and no more."""
    left = dict(stored)
    for name, value in SETTINGS.items():
        if name in left and left[name].tolist() != value:
            raise TrainingError(f"these weights are not Whisper's: {name} is {left[name]}, and must be {value}")
    try:
        config = _config(left)
        with torch.device("meta"):
            network = WhisperForConditionalGeneration(config)
        state = {name: torch.from_numpy(array.copy()) for name, array in _named(left, config)}
        state["proj_out.weight"] = state["model.decoder.embed_tokens.weight"]
        network.load_state_dict(state, assign=True)
    except KeyError as error:
        raise TrainingError(f"these weights are not Whisper's: {error.args[0]} is missing") from error
    except (ValueError, IndexError, RuntimeError) as error:
        raise TrainingError(f"these weights are not Whisper's: {' '.join(str(error).split())}") from error
    unknown = sorted(name for name, array in left.items() if array.dtype.kind == "f")
    if unknown:
        raise TrainingError(f"these weights are not Whisper's: {unknown[0]} is unknown")
    network.tie_weights()
    network.train(False)
    return network


def _config(stored: Tensors) -> WhisperConfig:
    tokens, width = stored["decoder/embeddings/weight"].shape
    sizes: dict[str, Any] = {
        name: value
        for part in LAYERS
        for name, value in (
            (
                f"{part}_layers",
                sum(name.startswith(f"{part}/") and name.endswith("/ffn/linear_0/weight") for name in stored),
            ),
            (f"{part}_attention_heads", stored[f"{part}/num_heads"].item()),
            (f"{part}_ffn_dim", stored[f"{part}/layer_0/ffn/linear_0/weight"].shape[0]),
        )
    }
    return WhisperConfig(
        vocab_size=tokens,
        d_model=width,
        num_mel_bins=stored["encoder/conv1/weight"].shape[1],
        max_source_positions=len(stored["encoder/position_encodings/encodings"]),
        max_target_positions=len(stored["decoder/position_encodings/encodings"]),
        pad_token_id=None,  # tokens are told by the configuration of the service
        bos_token_id=None,
        eos_token_id=None,
        **sizes,
    )


def _named(left: Tensors, config: WhisperConfig) -> Iterator[tuple[str, Array]]:
    """Weights by the names of transformers, taken from `left`."""
    left.pop("decoder/projection/weight", None)  # those of the embedding
    yield "model.decoder.embed_tokens.weight", left.pop("decoder/embeddings/weight")
    for number in (1, 2):
        for kind in ("weight", "bias"):
            yield f"model.encoder.conv{number}.{kind}", left.pop(f"encoder/conv{number}/{kind}")
    for part, attentions in LAYERS.items():
        yield f"model.{part}.embed_positions.weight", left.pop(f"{part}/position_encodings/encodings")
        yield from _norm(left, f"{part}/layer_norm", f"model.{part}.layer_norm")
        for layer in range(getattr(config, f"{part}_layers")):
            old, new = f"{part}/layer_{layer}", f"model.{part}.layers.{layer}"
            for name, (own, linear) in attentions.items():
                yield from _norm(left, f"{old}/{name}/layer_norm", f"{new}.{own}_layer_norm")
                yield from _linear(left, f"{old}/{name}", f"{new}.{own}", linear)
            yield from _norm(left, f"{old}/ffn/layer_norm", f"{new}.final_layer_norm")
            yield from _linear(left, f"{old}/ffn", new, {"linear_0": ("fc1",), "linear_1": ("fc2",)})


def _norm(left: Tensors, old: str, new: str) -> Iterator[tuple[str, Array]]:
    yield f"{new}.weight", left.pop(f"{old}/gamma")
    yield f"{new}.bias", left.pop(f"{old}/beta")


def _linear(left: Tensors, old: str, new: str, parts: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, Array]]:
    for joined, names in parts.items():
        for kind in ("weight", "bias"):
            pieces = np.split(left.pop(f"{old}/{joined}/{kind}"), len(names))
            for name, piece in zip(names, pieces, strict=True):
                if (name, kind) != ("k_proj", "bias"):
                    yield f"{new}.{name}.{kind}", piece
                elif piece.any():
                    raise ValueError(f"{old}/{joined} has a bias of keys")


class CrossStates(nn.Module):
    """Features fp32 [rows, mels, frames]: keys and values of each decoder layer [rows, heads, places, size]."""

    def __init__(self, network: WhisperForConditionalGeneration) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        model: Any = self.network.model
        states = model.encoder(features).last_hidden_state
        crosses = [layer.encoder_attn for layer in model.decoder.layers]
        return tuple(
            part(states).unflatten(-1, (one.num_heads, one.head_dim)).transpose(1, 2)
            for one in crosses
            for part in (one.k_proj, one.v_proj)
        )
