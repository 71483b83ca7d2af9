import numpy as np
import torch

from app.tensors import Tensors
from training.networks.character_grams import BUCKETS, LONGEST, CharacterGrams, fit_character_grams, run_counts, runs


def row(*ids: int) -> Tensors:
    return {"input_ids": np.array(ids, np.int64), "attention_mask": np.ones(len(ids), np.int64)}


def random_network() -> CharacterGrams:
    weights = np.random.default_rng(0).normal(size=(LONGEST, BUCKETS)).astype(np.float32)
    return CharacterGrams(weights, 0.3, 1.5).eval()


def padded(*rows: Tensors, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    def stacked(name: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([np.pad(row[name], (0, tokens - len(row[name]))) for row in rows]))

    return stacked("input_ids"), stacked("attention_mask")


def test_a_text_has_as_many_runs_of_each_length_as_fit_in_it() -> None:
    found = [int(is_run.sum()) for _, is_run in runs(*padded(row(2, 7, 8, 9), tokens=9))]
    assert found == [4, 3, 2]


def test_the_same_run_has_the_same_bucket_wherever_it_stands() -> None:
    *_, (buckets, _) = runs(*padded(row(5, 6, 7, 9, 5, 6, 7), tokens=7))
    assert buckets[0, 0] == buckets[0, 4]
    assert len(set(buckets[0, :4].tolist())) == 4


def test_the_order_of_characters_matters() -> None:
    _, (buckets, _), _ = runs(*padded(row(5, 6), row(6, 5), tokens=2))
    assert buckets[0, 0] != buckets[1, 0]


@torch.inference_mode()
def test_padding_changes_nothing() -> None:
    network, text = random_network(), row(2, 7, 8, 9)
    alone = network(*padded(text, tokens=4))
    together = network(*padded(text, row(*range(2, 14)), tokens=12))
    torch.testing.assert_close(together[:1], alone, rtol=0, atol=1e-6)


@torch.inference_mode()
def test_a_text_of_one_token_and_one_of_none_have_finite_logits() -> None:
    network = random_network()
    assert network(*padded(row(2), tokens=1)).isfinite().all()
    torch.testing.assert_close(network(*padded(row(), tokens=3)), torch.tensor([[-0.1, 0.1]]), rtol=0, atol=1e-6)


def test_counts_are_of_each_run_in_each_text() -> None:
    counts = run_counts([row(5, 5, 5), row(6)])
    assert counts.shape == (2, LONGEST * BUCKETS)
    assert sorted(counts[[0]].data.tolist()) == [1, 2, 3]
    assert counts[[1]].data.tolist() == [1]


@torch.inference_mode()
def test_it_learns_what_no_single_character_tells() -> None:
    # "5 6" is praise and "6 5" is not; both have the same characters.
    rows = [row(*[9, 5, 6, 9], *[8] * extra) for extra in range(5)] + [
        row(*[9, 6, 5, 9], *[8] * extra) for extra in range(5)
    ]
    labels = np.array([1] * 5 + [0] * 5)
    network = fit_character_grams(rows, labels, 20.0)
    said = network(*padded(*rows, row(5, 6), row(6, 5), tokens=9)).argmax(1)
    assert said.tolist() == [*labels.tolist(), 1, 0]


@torch.inference_mode()
def test_the_network_says_what_the_fitted_regression_says() -> None:
    rows = [row(*np.random.default_rng(seed).integers(3, 9, 12).tolist()) for seed in range(30)]
    labels = np.array([int((text["input_ids"] == 4).sum() > 1) for text in rows])
    network = fit_character_grams(rows, labels, 20.0)
    counts = run_counts(rows)
    expected = counts @ network.weights.numpy().ravel() / np.sqrt(counts.sum(1)) + network.bias
    logits = network(*padded(*rows, tokens=12)).numpy()
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], expected, rtol=0, atol=1e-4)
