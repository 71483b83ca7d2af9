"""Pairs of sentences in batches of similar length and of about as many tokens."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset, Sampler

from training.data.subwords import TokenPair
from training.networks.taught_student import Sentences

NO_TOKEN = -100  # among the ids that follow, where a translation has ended; as torch's losses ignore it


class TaughtBatch(NamedTuple):
    """`following`: the ids that come next, int64 [rows, tokens], or NO_TOKEN."""

    sentences: Sentences
    following: Tensor


class SentencePairs(Dataset[TokenPair]):
    def __init__(self, pairs: Sequence[TokenPair]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> TokenPair:
        return self.pairs[index]


class TokenBatches(Sampler[list[int]]):
    """A batch sampler: every pair once, the longer side of all of a batch padded to `tokens` at most.

    Where batches are cut depends on nothing but the lengths, so that each epoch has as many; which of the pairs of a
    length share one, and the order of the batches, are drawn from torch's global generator.
    """

    def __init__(self, pairs: Sequence[TokenPair], tokens: int) -> None:
        self._lengths = np.array([max(map(len, pair)) for pair in pairs])
        self._sizes = _sizes(np.sort(self._lengths), tokens)

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[list[int]]:
        drawn = torch.randperm(len(self._lengths)).numpy()
        by_length = drawn[np.argsort(self._lengths[drawn], kind="stable")]
        batches = np.split(by_length, np.cumsum(self._sizes)[:-1])
        for index in torch.randperm(len(batches)).tolist():
            yield batches[index].tolist()


def taught_batches(pairs: Sequence[TokenPair], tokens: int, start_id: int) -> DataLoader[TokenPair]:
    return DataLoader(SentencePairs(pairs), batch_sampler=TokenBatches(pairs, tokens), collate_fn=Collation(start_id))


class Collation:
    """A list of TokenPair to a TaughtBatch; an object, since other processes may need it."""

    def __init__(self, start_id: int) -> None:
        self.start_id = start_id

    def __call__(self, pairs: Sequence[TokenPair]) -> TaughtBatch:
        sources = [torch.tensor(pair.source) for pair in pairs]
        given = [torch.tensor([self.start_id, *pair.target[:-1]]) for pair in pairs]
        following = [torch.tensor(pair.target) for pair in pairs]
        mask = pad_sequence([torch.ones_like(ids) for ids in sources], batch_first=True)
        sentences = Sentences(pad_sequence(sources, batch_first=True), mask, pad_sequence(given, batch_first=True))
        return TaughtBatch(sentences, pad_sequence(following, batch_first=True, padding_value=NO_TOKEN))


def _sizes(ascending: Iterable[int], tokens: int) -> list[int]:
    """The number of pairs in each batch; one that is too long alone is alone."""
    sizes = [0]
    for length in ascending:
        if sizes[-1] and (sizes[-1] + 1) * length > tokens:
            sizes.append(0)
        sizes[-1] += 1
    return sizes
