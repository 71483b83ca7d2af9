"""MiniLM-L6: a BERT of six layers distilled for sentence meaning, with two heads.

Weights: all-MiniLM-L6-v2 of sentence-transformers. Method: Wang et al., "MiniLM: Deep Self-Attention Distillation for
Task-Agnostic Compression of Pre-Trained Transformers", 2020, https://arxiv.org/abs/2002.10957. Pooling and the sentence
space: Reimers and Gurevych, "Sentence-BERT", 2019, https://arxiv.org/abs/1908.10084.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertModel

HIDDEN_SIZE = 384


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
