"""Translations by the LSTM with attention, many texts at a time."""

from collections.abc import Sequence

import numpy as np
import torch
from tokenizers import Tokenizer
from torch.nn.utils.rnn import pad_sequence

from training.data.subwords import END_ID
from training.networks.attentive_lstm import AttentiveLSTM

AT_ONCE = 64  # texts
LONGER, SOME_TOKENS = 2, 16  # times as many tokens as a text its translation may have, and some more; as in the service


def translated_by(network: AttentiveLSTM, tokenizer: Tokenizer, texts: Sequence[str]) -> list[str]:
    """The greedy translation of each text, read as a whole."""
    written = [""] * len(texts)
    order = np.argsort([len(text) for text in texts], kind="stable")
    for batch in np.array_split(order, range(AT_ONCE, len(order), AT_ONCE)):
        found = tokenizer.encode_batch([texts[i] for i in batch], add_special_tokens=False)
        rows = [torch.tensor([*one.ids, END_ID]) for one in found]
        mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
        most = LONGER * mask.shape[1] + SOME_TOKENS
        ids = network.translate(pad_sequence(rows, batch_first=True), mask, END_ID, most)
        for i, text in zip(batch, tokenizer.decode_batch(ids), strict=True):
            written[i] = text.strip()
    return written
