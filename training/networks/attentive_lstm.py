"""The encoder-decoder of textbooks: LSTMs that read a sentence from both sides, and one that writes and looks back.

Sutskever et al., "Sequence to Sequence Learning with Neural Networks", 2014, https://arxiv.org/abs/1409.3215; the
attention is the "general" one of Luong et al., "Effective Approaches to Attention-based Neural Machine Translation",
2015, https://arxiv.org/abs/1508.04025, without feeding its result to the next step.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from training.networks.marian_student import MASKED
from training.networks.taught_student import Sentences

Carried = tuple[Tensor, Tensor]
"""The hidden and the cell state of each layer of the decoder, each [layers, rows, width]."""


class Memory(NamedTuple):
    """A sentence that was read: `states` [rows, tokens, width]; `masked` [rows, 1, tokens] is added to scores."""

    states: Tensor
    masked: Tensor


class AttentiveLSTM(nn.Module):
    """`Sentences` to the states [rows, tokens, width] that the tied embedding turns into scores of what follows.

    Token ids end with `start_id`, which begins every translation and stands for no token.
    """

    def __init__(self, vocabulary: int, width: int, layers: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.start_id = vocabulary
        self.embedding = nn.Parameter(torch.randn(vocabulary, width) * width**-0.5)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        between = dropout if layers > 1 else 0.0
        self.encoder = nn.LSTM(width, width // 2, layers, batch_first=True, bidirectional=True, dropout=between)
        self.decoder = nn.LSTM(width, width, layers, batch_first=True, dropout=between)
        self.bridge = nn.Linear(width, 2 * layers * width)
        self.score = nn.Linear(width, width, bias=False)
        self.combine = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, sentences: Sentences) -> Tensor:
        memory, carried = self.read(sentences.source_ids, sentences.source_mask)
        return self.write(sentences.given_ids, memory, carried)[0]

    def read(self, ids: Tensor, mask: Tensor) -> tuple[Memory, Carried]:
        lengths = mask.sum(1).cpu()
        packed = pack_padded_sequence(self._embedded(ids), lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.encoder(packed)[0], batch_first=True)
        mean = states.sum(1) / mask.sum(1, keepdim=True)
        hidden, cell = self.bridge(mean).tanh().unflatten(1, (2, self.decoder.num_layers, -1)).permute(1, 2, 0, 3)
        return Memory(self.dropout(states), ((1 - mask) * MASKED)[:, None]), (hidden.contiguous(), cell.contiguous())

    def write(self, given_ids: Tensor, memory: Memory, carried: Carried) -> tuple[Tensor, Carried]:
        """Go on from what was `carried`. Returns states [rows, tokens, width], and what to carry on."""
        found, carried = self.decoder(self._embedded(given_ids), carried)
        scores = self.score(found) @ memory.states.mT + memory.masked
        attended = scores.softmax(-1) @ memory.states
        return self.dropout(self.combine(torch.cat([found, attended], -1)).tanh()), carried

    @torch.inference_mode()
    def translate(self, ids: Tensor, mask: Tensor, end_id: int, most: int) -> list[list[int]]:
        """The likeliest token after token, up to `end_id`, which is left out, or `most` of them."""
        memory, carried = self.read(ids, mask)
        given = torch.full((len(ids), 1), self.start_id)
        has_ended, written = torch.zeros(len(ids), dtype=torch.bool), list[Tensor]()
        while len(written) < most and not has_ended.all():
            states, carried = self.write(given, memory, carried)
            given = (states @ self.embedding.T + self.bias).argmax(-1)
            written.append(given[:, 0])
            has_ended |= given[:, 0] == end_id
        rows = torch.stack(written, 1).tolist()
        return [row[: row.index(end_id)] if end_id in row else row for row in rows]

    def _embedded(self, ids: Tensor) -> Tensor:
        is_token = ids < self.start_id
        found = self.embedding[torch.where(is_token, ids, 0)] * is_token[..., None]
        return self.dropout(found * found.shape[-1] ** 0.5)  # type: ignore[no-any-return]
