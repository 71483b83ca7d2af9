"""Detectors and segmenters of random weights, in the files that the hub has of them."""

from pathlib import Path
from typing import Any

import torch
import transformers

LABELS = ("cat", "cup", "rocket", "sky", "ground")
NAMES: dict[str, Any] = {"id2label": dict(enumerate(LABELS)), "label2id": {name: i for i, name in enumerate(LABELS)}}
NARROW: dict[str, Any] = {"embedding_size": 8, "hidden_sizes": [8, 12, 16, 24], "depths": [1, 1, 1, 1]}
LAYERS: dict[str, Any] = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "num_queries": 12,
}
VARYING = {"shortest_edge": 64, "longest_edge": 96}
FIXED = {"height": 64, "width": 96}


def resnet(**more: Any) -> transformers.ResNetConfig:
    return transformers.ResNetConfig(**NARROW, layer_type="basic", **more)


def detr() -> Any:
    config = transformers.DetrConfig(
        backbone_config=resnet(), use_timm_backbone=False, backbone=None, **LAYERS, **NAMES
    )
    return transformers.DetrForObjectDetection(config)


def rt_detr() -> Any:
    sizes: dict[str, Any] = {
        **LAYERS,
        "encoder_hidden_dim": 16,
        "encoder_in_channels": [12, 16, 24],
        "decoder_in_channels": [16, 16, 16],
        "num_denoising": 0,
    }
    backbone = transformers.RTDetrResNetConfig(
        **NARROW, layer_type="basic", out_features=["stage2", "stage3", "stage4"]
    )
    return transformers.RTDetrForObjectDetection(transformers.RTDetrConfig(backbone_config=backbone, **sizes, **NAMES))


def segformer() -> Any:
    sizes: dict[str, Any] = {
        "hidden_sizes": [8, 8, 16, 16],
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
        "decoder_hidden_size": 8,
    }
    return transformers.SegformerForSemanticSegmentation(transformers.SegformerConfig(**sizes, **NAMES))


def save_with(folder: Path, network: Any, processor: Any) -> Path:
    """Save a network, with weights so large that its answers differ, and the processor of its pictures."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim > 1:
                weight.normal_(std=0.3)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save(folder: Path, name: str) -> Path:
    """One of DETR, whose pictures keep their shape, and of RT-DETR and SegFormer, who read all in one size."""
    made = {
        "detr": lambda: (detr(), transformers.DetrImageProcessorPil(size=VARYING)),
        "rt-detr": lambda: (rt_detr(), transformers.RTDetrImageProcessorPil(size=FIXED)),
        "segformer": lambda: (segformer(), transformers.SegformerImageProcessorPil(size=FIXED)),
    }
    return save_with(folder / name, *made[name]())
