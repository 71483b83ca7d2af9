"""Networks that read texts as ONNX graphs, written by torch's exporter."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.export import Dim

from app.tasks.text import TextKernel
from app.tensors import Tensors
from training.importing.beside_pipeline import LONGEST, longer_stranger
from training.importing.exporting import written
from training.recipe import Exported

NUM_EXPORTED = 4  # rows that the exporter sees, beside a long one


class Texts(nn.Module):
    """Logits of texts: `input_ids` and `attention_mask`, both int64 [batch, tokens], to what the network calls so."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.eval()  # or, after it was written, the network would go on with dropout

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits: Tensor = self.network(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


class TextPairs(Texts):
    """The same of two texts in each row, with `token_type_ids`, which tell them apart."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:  # type: ignore[override]
        logits: Tensor = self.network(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).logits
        return logits


def export_texts(
    module: nn.Module, kernel: TextKernel, rows: Sequence[Tensors], path: Path, outputs: Sequence[str]
) -> Exported:
    """The graph of `module`, of any number of texts of any length, compared with it on `rows` and on a long one.

    Raises TrainingError, which says which step failed.
    """
    longest = longer_stranger(rows[0], min(kernel.encoder.max_tokens, LONGEST))
    batch = kernel.collate([*rows[:NUM_EXPORTED], longest])
    return written(module, batch, path, outputs, varying={0: Dim("batch"), 1: Dim("tokens")})
