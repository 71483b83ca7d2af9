"""The networks that are measured, with weights drawn by chance: as modules of torch, and as graphs of the same weights.

Speed does not depend on the weights; whether answers agree does not either, since all have the same.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.export import Dim

from app.tensors import Tensors
from benchmarks.on_gpu.sizes import BertSizes, Sizes
from training.networks.efficientnet_lite import HEAD_CHANNELS, SCALINGS, ConvNorm, EfficientNetLite

SEED = 0
LABELS = 3
PIXELS = 2**17  # that are enough for norms, of 32 small photos or of a few large ones


class Photos(nn.Module):
    """uint8 [batch, side, side, 3] to probabilities fp32, computed as precisely as the network's weights are."""

    def __init__(self, network: EfficientNetLite) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        pixels = image.permute(0, 3, 1, 2).to(self.network.classifier.weight.dtype)
        logits: Tensor = self.network((pixels - 127) / 128)
        return logits.float().softmax(1)


def photo_classifier(side: int, blocks: int) -> Photos:
    """EfficientNet-Lite0, or its first blocks. Its norms know how its values are spread: else they would vanish."""
    torch.manual_seed(SEED)
    network = EfficientNetLite(replace(SCALINGS["lite0"], image_size=side))
    if blocks < len(network.blocks):
        network.blocks = nn.Sequential(*list(network.blocks)[:blocks])
        last: Any = network.blocks[-1]
        network.head = ConvNorm(last.project.conv.out_channels, HEAD_CHANNELS, kernel=1, side=last.out_side)
    made = Photos(network)
    for one in made.modules():
        if isinstance(one, nn.BatchNorm2d):
            one.momentum = 1.0
    with torch.inference_mode():
        made.train()(torch.from_numpy(photos(max(8, PIXELS // side**2), side)["image"]))
    # Inference mode has made tensors that autograd must never see; exporters want common ones.
    made.load_state_dict({name: value.clone() for name, value in made.state_dict().items()})
    return made.eval()


def photos(batch: int, side: int) -> Tensors:
    return {"image": np.random.default_rng(SEED).integers(0, 256, (batch, side, side, 3), np.uint8)}


class Bert(nn.Module):
    """MiniLM's encoder by the names that transformers has, and the mean of its states through a head: fp32 logits."""

    def __init__(self, sizes: BertSizes) -> None:
        super().__init__()
        width = sizes.width
        self.config = SimpleNamespace(hidden_size=width, num_attention_heads=sizes.heads, layer_norm_eps=1e-12)
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(sizes.vocabulary, width),
                "position_embeddings": nn.Embedding(sizes.positions, width),
                "token_type_embeddings": nn.Embedding(2, width),
                "LayerNorm": nn.LayerNorm(width, 1e-12),
            }
        )
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(_bert_layer(sizes) for _ in range(sizes.layers))})
        self.head = nn.Linear(width, LABELS)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        known: Any = self.embeddings
        tokens = input_ids.shape[1]
        states = known.word_embeddings(input_ids) + known.position_embeddings.weight[:tokens]
        states = known.LayerNorm(states + known.token_type_embeddings.weight[0])
        seen = attention_mask[:, None, None].bool()
        layers: Any = self.encoder
        for layer in layers.layer:
            own = layer.attention.self
            queries, keys, values = (self._by_head(one(states)) for one in (own.query, own.key, own.value))
            mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=seen)
            change = layer.attention.output.dense(mixed.transpose(1, 2).flatten(2))
            states = layer.attention.output.LayerNorm(change + states)
            change = layer.output.dense(F.gelu(layer.intermediate.dense(states)))
            states = layer.output.LayerNorm(change + states)
        mask = attention_mask[..., None].to(states.dtype)
        logits: Tensor = self.head((states * mask).sum(1) / mask.sum(1))
        return logits.float()

    def _by_head(self, rows: Tensor) -> Tensor:
        return rows.reshape(*rows.shape[:2], self.config.num_attention_heads, -1).transpose(1, 2)


def _bert_layer(sizes: BertSizes) -> nn.ModuleDict:
    width, hidden = sizes.width, sizes.hidden
    own = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
    out = nn.ModuleDict({"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, 1e-12)})
    last = nn.ModuleDict({"dense": nn.Linear(hidden, width), "LayerNorm": nn.LayerNorm(width, 1e-12)})
    attention, first = nn.ModuleDict({"self": own, "output": out}), nn.ModuleDict({"dense": nn.Linear(width, hidden)})
    return nn.ModuleDict({"attention": attention, "intermediate": first, "output": last})


def text_classifier(sizes: BertSizes) -> Bert:
    torch.manual_seed(SEED)
    return Bert(sizes).eval()


def texts(batch: int, tokens: int, sizes: BertSizes) -> Tensors:
    """Texts of half the tokens to all of them, padded to one shape."""
    drawn = np.random.default_rng(SEED)
    lengths = drawn.integers(tokens // 2, tokens + 1, batch)
    mask = (np.arange(tokens) < lengths[:, None]).astype(np.int64)
    return {"input_ids": drawn.integers(5, sizes.vocabulary, (batch, tokens)) * mask, "attention_mask": mask}


def write_photo_graph(module: nn.Module, path: Path, sizes: Sizes) -> Path:
    from training.graphs.export import to_onnx

    batch = [torch.from_numpy(one) for one in photos(2, sizes.side).values()]
    varying = [{0: Dim("batch")}]
    return to_onnx(module, batch, path, input_names=["image"], output_names=["probabilities"], dynamic_shapes=varying)


def write_photo_program(module: nn.Module, path: Path, sizes: Sizes) -> None:
    from training.graphs.program import save_program

    batch = [torch.from_numpy(one) for one in photos(2, sizes.side).values()]
    varying = [{0: Dim("batch", min=1, max=4096)}]
    with torch.no_grad():
        save_program(torch.export.export(_Named(module), tuple(batch), dynamic_shapes=varying), path)


class _Named(nn.Module):
    """A program's outputs are called as the keys of what it returns, and its inputs as the parameters."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"probabilities": self.network(image)}


def write_text_graph(module: Bert, path: Path, sizes: Sizes) -> Path:
    from training.graphs.bert import write_bert
    from training.graphs.linear import Fp32Products

    return write_bert(module, module.head, path, Fp32Products())


def graph_of(precision: str, write: Callable[[Path], Path], stem: Path, as_they_are: list[str]) -> Path:
    """The graph in this precision, written if it is not there; `as_they_are` are inputs and outputs that stay fp32."""
    fp32 = stem.with_name(f"{stem.name}-fp32.onnx")
    fp32.parent.mkdir(parents=True, exist_ok=True)
    if not fp32.is_file():
        write(fp32.with_suffix(".part")).rename(fp32)
    if precision == "fp32":
        return fp32
    fp16 = stem.with_name(f"{stem.name}-fp16.onnx")
    if not fp16.is_file():
        halve(fp32, fp16.with_suffix(".part"), as_they_are).rename(fp16)
    return fp16


def halve(source: Path, target: Path, as_they_are: list[str]) -> Path:
    """Write the graph with its weights and what it computes in fp16."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=as_they_are), target)
    return target
