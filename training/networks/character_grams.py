"""Two labels by the runs of characters in a text: a logistic regression that an ONNX graph can hold, runs and all.

Wang and Manning, "Baselines and Bigrams" (ACL 2012): each run counts as much as naive Bayes makes of it, times what is
learned. The runs are found in the graph, so a tokenizer has to know single characters only.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from app.tensors import Tensors

LONGEST = 3  # characters of a run
BUCKETS = 2**17  # for the runs of each length; runs of one bucket are taken for one another
FACTOR, MODULUS = 1_000_003, 2**31 - 1  # primes, whose product fits into an int64
FEWEST_TEXTS = 2  # with a run that counts


class CharacterGrams(nn.Module):
    """`input_ids` and `attention_mask` int64 [batch, tokens], padded at the end, to `logits` fp32 [batch, 2].

    `weights` fp32 [LONGEST, BUCKETS] are for the second label and against the first.
    """

    def __init__(self, weights: npt.NDArray[np.float32], bias: float, temperature: float = 1.0) -> None:
        super().__init__()
        self.bias, self.temperature = bias, temperature
        self.weights: Tensor
        self.register_buffer("weights", torch.from_numpy(weights))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        total, count = torch.zeros_like(input_ids[:, 0], dtype=torch.float32), torch.zeros_like(input_ids[:, 0])
        for length, (buckets, is_run) in enumerate(runs(input_ids, attention_mask)):
            total = total + (self.weights[length][buckets] * is_run).sum(1)
            count = count + is_run.sum(1)
        evidence = (total / count.clamp(min=1).sqrt() + self.bias) / self.temperature
        return torch.stack([-evidence, evidence], 1) / 2


def runs(input_ids: Tensor, attention_mask: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """For each length: the bucket of the run that begins at each token, and 1 where it ends within the text, else 0.

    Both int64 [batch, tokens].
    """
    tokens = input_ids.shape[1]
    ids, mask = F.pad(input_ids, (0, LONGEST - 1)), F.pad(attention_mask, (0, LONGEST - 1))
    key = input_ids
    for length in range(LONGEST):
        if length:
            key = (key * FACTOR + ids[:, length : length + tokens]) % MODULUS
        yield key % BUCKETS, mask[:, length : length + tokens]


def fit_character_grams(rows: Sequence[Tensors], labels: npt.NDArray[np.integer], strength: float) -> CharacterGrams:
    """Learn from `rows` of token ids; `strength` is scikit-learn's C: the larger, the less is regularised."""
    counts = run_counts(rows)
    known = np.asarray((counts > 0).sum(0)).ravel() >= FEWEST_TEXTS
    of_label = [1 + np.asarray(counts[labels == label].sum(0)).ravel() for label in range(2)]
    bayes = np.where(known, np.log(of_label[1] / of_label[1].sum()) - np.log(of_label[0] / of_label[0].sum()), 0)
    lengths = np.maximum(1, np.asarray(counts.sum(1)).ravel())
    features = counts.copy()
    features.data *= bayes[counts.indices] / np.sqrt(np.repeat(lengths, np.diff(counts.indptr)))
    model = LogisticRegression(C=strength, solver="liblinear")
    model.fit(features, labels)
    weights = (model.coef_[0] * bayes).astype(np.float32).reshape(LONGEST, BUCKETS)
    return CharacterGrams(weights, float(model.intercept_[0])).eval()


def run_counts(rows: Sequence[Tensors]) -> csr_array:
    """Return how often each text has a run of each bucket, [texts, LONGEST * BUCKETS]."""
    texts, columns = [], []
    for text, row in enumerate(rows):
        ids, mask = (torch.from_numpy(row[name])[None] for name in ("input_ids", "attention_mask"))
        for length, (buckets, is_run) in enumerate(runs(ids, mask)):
            found = buckets[is_run > 0].numpy() + length * BUCKETS
            columns.append(found)
            texts.append(np.full(len(found), text))
    # scikit-learn reads indices of 32 bits only.
    places = np.concatenate(texts).astype(np.int32), np.concatenate(columns).astype(np.int32)
    counts = csr_array((np.ones(len(places[0])), places), shape=(len(rows), LONGEST * BUCKETS))
    counts.sum_duplicates()
    return counts
