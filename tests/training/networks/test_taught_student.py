"""A student that is shown whole translations, beside the one that writes them token by token."""

import pytest
import torch
from tiny_translator import student

from training.networks.marian_student import StudentEncoder, StudentStep
from training.networks.taught_student import Sentences, TaughtStudent


def test_it_computes_what_the_student_computes_token_by_token() -> None:
    made = student()
    ids, mask = torch.tensor([[7, 30, 9, 4], [12, 5, 0, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    given = torch.tensor([[made.start_id, 8, 3], [made.start_id, 21, 6]])
    taught = TaughtStudent(made)
    scores = taught(Sentences(ids, mask, given)) @ taught.embedding.T + taught.bias
    cross = StudentEncoder(made)(ids, mask)
    states = [torch.zeros(2, made.sizes.width) for _ in made.decoder]
    for at in range(given.shape[1]):
        positions, lengths = torch.full((2,), at), mask.sum(1)
        logits, *states = StudentStep(made)(given[:, at : at + 1], positions, lengths, *cross, *states)
        torch.testing.assert_close(scores[:, at], logits, atol=1e-4, rtol=1e-4)


def test_a_token_sees_none_of_those_that_follow() -> None:
    made = student()
    taught = TaughtStudent(made)
    one, mask = torch.tensor([[7, 30]]), torch.ones(1, 2, dtype=torch.long)
    states = [taught(Sentences(one, mask, torch.tensor([[made.start_id, 8, last]]))) for last in (3, 4)]
    assert torch.equal(states[0][:, :2], states[1][:, :2])
    assert not torch.allclose(states[0][:, 2], states[1][:, 2])


def test_padding_of_a_sentence_changes_nothing() -> None:
    made = student()
    taught, given = TaughtStudent(made), torch.tensor([[made.start_id, 8]])
    alone = taught(Sentences(torch.tensor([[7, 30]]), torch.tensor([[1, 1]]), given))
    padded = taught(Sentences(torch.tensor([[7, 30, 5]]), torch.tensor([[1, 1, 0]]), given))
    assert alone.detach().numpy() == pytest.approx(padded.detach().numpy(), abs=1e-5)
