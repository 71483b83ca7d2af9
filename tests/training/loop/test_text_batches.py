import numpy as np
import torch

from training.loop.text_batches import LengthSorted, padded


class Texts:
    def __init__(self, count: int) -> None:
        self.lengths = np.random.default_rng(0).integers(2, 100, count)


def test_batches_hold_every_text_once_and_little_padding() -> None:
    texts = Texts(1000)
    sampler = LengthSorted(texts, 32)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    assert max(map(len, batches)) == 32
    assert sorted(i for batch in batches for i in batch) == list(range(1000))
    assert sum(len(batch) * texts.lengths[batch].max() for batch in batches) < 1.05 * texts.lengths.sum()


def test_the_number_of_batches_is_known_where_pools_do_not_come_out_even() -> None:
    for count in (1, 31, 33, 1601, 4999):
        sampler = LengthSorted(Texts(count), 32)
        assert len(list(sampler)) == len(sampler)


def test_the_order_follows_the_seed_and_changes_with_each_pass() -> None:
    sampler = LengthSorted(Texts(300), 16)
    torch.manual_seed(1)
    first, second = list(sampler), list(sampler)
    torch.manual_seed(1)
    assert list(sampler) == first != second


def test_a_batch_is_as_long_as_its_longest_text() -> None:
    target = torch.tensor([0.0, 0.0, 1.0])
    ids, mask, targets = padded([(torch.tensor([101, 7, 102]), target), (torch.tensor([101, 102]), target)])
    assert ids.tolist() == [[101, 7, 102], [101, 102, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert targets.shape == (2, 3)
