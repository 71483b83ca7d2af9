"""Networks that answer in the pixels of a picture as ONNX graphs, written by torch's exporter."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from app.tensors import Tensors
from training.errors import TrainingError, first_line
from training.graphs.export import exported
from training.importing.beside_pipeline import TOLERANCE
from training.importing.image_graphs import Numbers
from training.importing.image_processor import Levels
from training.recipe import Exported


class Segmented(nn.Module):
    """Pixels, uint8 [batch, height, width, 3], to scores of classes, fp32 [batch, classes, rows, columns]."""

    def __init__(self, network: Any, levels: Levels) -> None:
        super().__init__()
        self.network, self.numbers = network, Numbers(levels)
        self.eval()

    def forward(self, image: Tensor) -> Any:
        return self.network(pixel_values=self.numbers(image)).logits


class Detected(Segmented):
    """The same to scores, fp32 [batch, boxes, classes], and to boxes, fp32 [batch, boxes, 4]."""

    def forward(self, image: Tensor) -> Any:
        found = self.network(pixel_values=self.numbers(image))
        return found.logits, found.pred_boxes


def export_whole_pictures(module: nn.Module, batch: Tensors, path: Path, outputs: list[str], varies: bool) -> Exported:
    """The graph of `module`, of any number of pictures, compared with it on the real `batch`.

    `varies`: pictures have any height and width, those of a batch the same. Raises TrainingError, which says which
    step failed.
    """
    varying = {0: Dim("batch"), **({1: Dim("height"), 2: Dim("width")} if varies else {})}
    try:
        with torch.inference_mode():
            answers = module(*map(torch.from_numpy, batch.values()))
        # What is proved of scores follows; logits, whose size networks choose, are compared by their own largest.
        largest = max(float(one.abs().max()) for one in (answers if isinstance(answers, tuple) else (answers,)))
        return exported(module, batch, path, outputs, tolerance=TOLERANCE * max(1.0, largest), varying=varying)
    except TrainingError:
        raise
    except Exception as error:  # torch, its exporter and onnxruntime raise whatever they run into
        raise TrainingError(f"torch's exporter cannot write it as a graph: {first_line(error)}") from error
