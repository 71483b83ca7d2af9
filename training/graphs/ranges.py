"""The magnitudes of what the layers of a network read, by which 8 bits are spread."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from app.tensors import Array, Tensors


def input_ranges(module: nn.Module, batches: Iterable[Tensors]) -> dict[nn.Linear, Array]:
    """The largest magnitude of every input channel of each linear layer in `module`, over `batches` without padding."""
    ranges: dict[nn.Linear, Array] = {}

    def note(layer: nn.Linear, inputs: tuple[Tensor, ...]) -> None:
        largest = inputs[0].detach().abs().flatten(0, -2).amax(0).numpy()
        ranges[layer] = np.maximum(ranges.get(layer, largest), largest)

    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        with torch.inference_mode():
            for batch in batches:
                module(**{name: torch.from_numpy(array) for name, array in batch.items()})
    finally:
        for hook in hooks:
            hook.remove()
    return ranges
