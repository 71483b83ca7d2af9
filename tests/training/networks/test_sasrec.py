import pytest
import torch

from training.data.event_log import MAX_HISTORY, left_pad
from training.networks.sasrec import SASRec


@pytest.fixture
def network() -> SASRec:
    torch.manual_seed(0)
    return SASRec(num_items=20, max_history=MAX_HISTORY).eval()


@torch.inference_mode()
def test_a_state_knows_nothing_of_later_events(network: SASRec) -> None:
    history = torch.arange(1, 51)[None] % 20 + 1
    changed = history.clone()
    changed[:, 30:] = 7
    before, after = network.states(history), network.states(changed)
    torch.testing.assert_close(before[:, :30], after[:, :30], rtol=0, atol=1e-5)
    assert (before[:, 30:] - after[:, 30:]).abs().max() > 0.1


@torch.inference_mode()
def test_padding_says_nothing(network: SASRec) -> None:
    padded = torch.from_numpy(left_pad([[3, 4, 5]], MAX_HISTORY))
    expected = network(padded)
    network.items.weight[0] = 100.0
    torch.testing.assert_close(network(padded)[:, 1:], expected[:, 1:], rtol=0, atol=1e-5)


def test_a_history_has_one_dropout_mask_for_all_its_positions(network: SASRec) -> None:
    dropped = network.dropout.train()(torch.ones(2, 50, 64))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[0], dropped[1])
