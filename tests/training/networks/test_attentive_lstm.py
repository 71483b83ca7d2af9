import pytest
import torch

from training.networks.attentive_lstm import AttentiveLSTM
from training.networks.taught_student import Sentences

IDS, MASK = torch.tensor([[7, 3, 9, 4], [12, 5, 0, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
END = 0


@pytest.fixture
def network() -> AttentiveLSTM:
    torch.manual_seed(0)
    return AttentiveLSTM(20, 16, layers=2).requires_grad_(False).eval()


def test_it_writes_what_it_foresees_when_it_is_shown_what_it_wrote(network: AttentiveLSTM) -> None:
    written = network.translate(IDS, MASK, END, most=6)
    rows = [row + [END] * (6 - len(row)) for row in written]
    given = torch.tensor([[network.start_id, *row[:-1]] for row in rows])
    foreseen = (network(Sentences(IDS, MASK, given)) @ network.embedding.T + network.bias).argmax(-1).tolist()
    assert [row[: len(one)] for row, one in zip(foreseen, written, strict=True)] == written


def test_a_sentence_beside_longer_ones_is_translated_as_it_is_alone(network: AttentiveLSTM) -> None:
    together = network.translate(IDS, MASK, END, most=6)
    assert network.translate(IDS[1:, :2], MASK[1:, :2], END, most=6) == together[1:]


def test_it_stops_at_the_end_or_at_the_most(network: AttentiveLSTM) -> None:
    network.bias[END] = 1e6
    assert network.translate(IDS, MASK, END, most=6) == [[], []]
    network.bias[END] = -1e6
    assert [len(row) for row in network.translate(IDS, MASK, END, most=6)] == [6, 6]
