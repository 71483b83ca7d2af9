"""Networks that learn a small made-up language: each sentence is turned round."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from training.data.subwords import TokenPair
from training.loop.sentence_batches import NO_TOKEN, Collation, TokenBatches, taught_batches
from training.loop.translating import Translating, TranslatingSettings, learn_to_translate
from training.networks.attentive_lstm import AttentiveLSTM
from training.networks.marian_student import MarianStudent, Sizes
from training.networks.taught_student import TaughtStudent
from training.recipe import Run

VOCABULARY, END = 12, 0


def pairs(count: int, longest: int = 5) -> list[TokenPair]:
    random = np.random.default_rng(0)
    made = [random.integers(1, VOCABULARY, random.integers(1, longest + 1)).tolist() for _ in range(count)]
    return [TokenPair([*ids, END], [*ids[::-1], END]) for ids in made]


def small() -> MarianStudent:
    torch.manual_seed(0)
    return MarianStudent(Sizes(VOCABULARY, 16, 32, 1, 1), heads=2)


def test_a_batch_gives_each_token_after_those_before_it() -> None:
    batch = Collation(99)([TokenPair([5, 6, 0], [7, 0]), TokenPair([4, 0], [8, 9, 0])])
    assert batch.sentences.source_ids.tolist() == [[5, 6, 0], [4, 0, 0]]
    assert batch.sentences.source_mask.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch.sentences.given_ids.tolist() == [[99, 7, 0], [99, 8, 9]]
    assert batch.following.tolist() == [[7, 0, NO_TOKEN], [8, 9, 0]]


def test_every_pair_comes_once_in_batches_of_so_many_tokens_whose_number_stays() -> None:
    made = pairs(300, longest=40)
    sampler = TokenBatches(made, tokens=128)
    epochs = [list(sampler) for _ in range(2)]
    assert epochs[0] != epochs[1]
    for batches in epochs:
        assert len(batches) == len(sampler)
        assert sorted(i for batch in batches for i in batch) == list(range(300))
        assert all(len(batch) * max(len(made[i].source) for i in batch) <= 128 for batch in batches)


def test_a_pair_that_is_too_long_alone_is_alone() -> None:
    assert sorted(map(len, TokenBatches([*pairs(20, longest=3), TokenPair([1] * 50, [1])], tokens=30)))[0] == 1


def test_the_smoothed_loss_is_that_of_torch() -> None:
    network = TaughtStudent(small())
    batch = next(iter(taught_batches(pairs(20), 64, network.start_id)))
    scores = network(batch.sentences) @ network.embedding.T + network.bias
    wanted = F.cross_entropy(scores.flatten(0, 1), batch.following.flatten(), label_smoothing=0.1)
    assert Translating(network, TranslatingSettings()).loss(batch, 0.1).item() == pytest.approx(wanted.item(), abs=1e-4)


def test_what_is_left_out_stands_for_no_token() -> None:
    student = small()
    thinned = Translating(TaughtStudent(student), TranslatingSettings(word_dropout=0.5)).thinned(
        torch.full((40, 40), 3)
    )
    assert set(thinned.unique().tolist()) == {3, student.start_id}
    assert (thinned == 3).float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_both_networks_learn_and_an_epoch_more_makes_them_better(tmp_path: Path) -> None:
    settings = TranslatingSettings(epochs=4, tokens=64, learning_rate=1e-2)
    train, validation = pairs(400), pairs(40)
    for name, network in (("student", TaughtStudent(small())), ("lstm", AttentiveLSTM(VOCABULARY, 16, 1))):
        curve = learn_to_translate(network, train, validation, Run(tmp_path), settings, name)
        losses = [row["validation_loss"] for row in curve.rows]
        assert len(losses) == 4
        assert all(later < earlier for earlier, later in pairwise(losses)), name
        assert losses[-1] < 0.8 * np.log(VOCABULARY), name
