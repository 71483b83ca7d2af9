"""Classifiers of images of every architecture, small and with random weights, as save_pretrained leaves them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

LABELS = ["cat", "coffee", "rocket", "temple", "flower"]
SIDE = 32
VIT = {
    "image_size": SIDE,
    "patch_size": 8,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
STAGES = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
SWIN = {"image_size": SIDE, "patch_size": 2, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 4], "window_size": 4}
CONFIGS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "vit": ("ViT", VIT),
    "deit": ("DeiT", VIT),
    "resnet": ("ResNet", STAGES),
    "convnext": ("ConvNext", {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1]}),
    "mobilenet_v2": ("MobileNetV2", {"image_size": SIDE, "depth_multiplier": 0.25}),
    "efficientnet": (
        "EfficientNet",
        {
            "image_size": SIDE,
            "width_coefficient": 0.25,
            "depth_coefficient": 0.25,
            "hidden_dim": 320,
            "kernel_sizes": [3, 5],
            "in_channels": [32, 16],
            "out_channels": [16, 24],
            "strides": [1, 2],
            "num_block_repeats": [1, 1],
            "expand_ratios": [1, 6],
        },
    ),
    "swin": ("Swin", SWIN),
}
"""The name of the classes of each architecture in transformers, and what makes it small."""

SIZES = {"height": SIDE, "width": SIDE}
PROCESSORS: Mapping[str, dict[str, Any]] = {
    "vit": {"image_processor_type": "ViTImageProcessor", "size": SIZES},
    "deit": {"image_processor_type": "DeiTImageProcessor", "size": {"height": 40, "width": 40}, "crop_size": SIZES},
    "resnet": {
        "feature_extractor_type": "ConvNextFeatureExtractor",
        "size": {"shortest_edge": SIDE},
        "crop_pct": 0.875,
    },
    "convnext": {"image_processor_type": "ConvNextImageProcessorFast", "size": {"shortest_edge": SIDE}},
    "mobilenet_v2": {
        "image_processor_type": "MobileNetV2ImageProcessor",
        "size": {"shortest_edge": 36},
        "crop_size": SIZES,
    },
    "efficientnet": {"image_processor_type": "EfficientNetImageProcessor", "size": SIZES, "resample": 0},
    "swin": {"image_processor_type": "ViTImageProcessor", "size": SIZES, "resample": 3},
}


def save_classifier(folder: Path, name: str, *, labels: list[str] = LABELS, **more: Any) -> Path:
    """A network of this architecture in `folder`, whose scores differ from photo to photo."""
    kind, small = CONFIGS[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(
        **small, id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)}, **more
    )
    network = getattr(transformers, f"{kind}ForImageClassification")(config)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=(2 / parameter[0].numel()) ** 0.5)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):  # as if it had been trained: or nothing would be left of a picture
                module.momentum = None
                module.reset_parameters()
        network.train()(torch.randn(16, 3, SIDE, SIDE))
    network.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSORS[name]))
    return folder
