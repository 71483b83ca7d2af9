"""Small students with random weights, made of arrays as Marian stores them."""

import numpy as np
import pytest
import torch

from app.tensors import Array, Tensors
from training.errors import TrainingError
from training.networks.marian_student import MarianStudent, Sizes, StudentEncoder, StudentStep, marian_name

SIZES = Sizes(vocabulary=50, width=16, hidden=24, encoder_layers=2, decoder_layers=2)
HEADS = 2


def arrays_of(student: MarianStudent) -> Tensors:
    stored = {}
    for name, parameter in student.named_parameters():
        weight = parameter.detach().numpy()
        stored[marian_name(name)] = weight[None] if weight.ndim == 1 else weight if name == "embedding" else weight.T
    return stored


@pytest.fixture
def student() -> MarianStudent:
    torch.manual_seed(0)
    made = MarianStudent(SIZES, HEADS).requires_grad_(False).eval()
    for name, weight in made.named_parameters():  # norms and biases, too, which begin as ones and zeros
        torch.nn.init.normal_(weight, mean=float("norm.weight" in name), std=0.5 if weight.ndim > 1 else 0.1)
    return made


def step(student: MarianStudent, cross: tuple[torch.Tensor, ...], ids: list[int], at: int, lengths: list[int]) -> Array:
    states = torch.zeros(2, len(ids), SIZES.width)
    rows = torch.tensor(ids)[:, None], torch.full((len(ids),), at), torch.tensor(lengths)
    found: Array = StudentStep(student)(*rows, *cross, *states)[0].numpy()
    return found


def test_marian_names_every_weight() -> None:
    assert marian_name("embedding") == "Wemb"
    assert marian_name("bias") == "decoder_ff_logit_out_b"
    assert marian_name("encoder.0.attention.query.weight") == "encoder_l1_self_Wq"
    assert marian_name("encoder.5.feed_forward.norm.bias") == "encoder_l6_ffn_ffn_ln_bias"
    assert marian_name("decoder.1.attention.norm.weight") == "decoder_l2_context_Wo_ln_scale"
    assert marian_name("decoder.1.recurrence.forget.bias") == "decoder_l2_rnn_bf"
    assert marian_name("decoder.0.recurrence.candidate.weight") == "decoder_l1_rnn_W"


def test_a_student_made_of_its_arrays_is_the_same(student: MarianStudent) -> None:
    scales = {"encoder_l1_ffn_W1_QuantMultA": np.ones((1, 1), np.float32)}

    found = MarianStudent.from_arrays(arrays_of(student) | scales, HEADS)

    assert (found.sizes, found.start_id) == (SIZES, 50)
    for name, weight in student.state_dict().items():
        assert torch.equal(found.state_dict()[name], weight), name


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"Wemb": None}, "no embedding", id="no embedding"),
        pytest.param({"decoder_l1_ffn_W1": None}, "no embedding, encoder or decoder", id="a layer is missing"),
        pytest.param({"decoder_l2_rnn_Wf": None}, "lacks decoder_l2_rnn_Wf", id="a weight is missing"),
        pytest.param({"decoder_l2_rnn_Wr": np.ones((16, 16))}, "holds decoder_l2_rnn_Wr", id="another recurrence"),
        pytest.param({"encoder_l2_self_Wk": np.ones((16, 8))}, r"\[16, 8\], which does not fit", id="another shape"),
        pytest.param({"Wemb": np.ones((50, 18))}, "2 heads cannot share a width of 18", id="an odd width"),
    ],
)
def test_arrays_of_another_network_are_refused(
    student: MarianStudent, changes: dict[str, Array | None], reason: str
) -> None:
    arrays = arrays_of(student) | changes

    with pytest.raises(TrainingError, match=reason):
        MarianStudent.from_arrays({name: one for name, one in arrays.items() if one is not None}, HEADS)


def test_the_encoder_ignores_padding(student: MarianStudent) -> None:
    ids, mask = torch.tensor([[7, 3, 9, 4, 4]]), torch.tensor([[1, 1, 1, 0, 0]])

    padded = StudentEncoder(student)(ids, mask)
    alone = StudentEncoder(student)(ids[:, :3], mask[:, :3])

    assert [one.shape for one in alone] == [(1, 2, 3, 8)] * 4
    for ours, theirs in zip(padded, alone, strict=True):
        torch.testing.assert_close(ours[:, :, :3], theirs, rtol=0, atol=1e-5)


def test_the_encoder_knows_the_order_of_tokens(student: MarianStudent) -> None:
    mask = torch.ones(1, 3, dtype=torch.int64)

    there, back = (StudentEncoder(student)(torch.tensor([ids]), mask)[0] for ids in ([7, 3, 9], [9, 3, 7]))

    assert (there - back.flip(2)).abs().max() > 0.1


def test_a_step_reads_the_source_its_token_its_position_and_its_state(student: MarianStudent) -> None:
    mask = torch.ones(1, 4, dtype=torch.int64)
    cross, other = (StudentEncoder(student)(torch.tensor([ids]), mask) for ids in ([7, 3, 9, 0], [5, 6, 8, 0]))
    logits = step(student, cross, [11], 0, [4])

    assert logits.shape == (1, 50)
    for different in (
        step(student, other, [11], 0, [4]),
        step(student, cross, [12], 0, [4]),
        step(student, cross, [11], 1, [4]),
        step(student, cross, [11], 0, [3]),
    ):
        assert np.abs(different - logits).max() > 1e-3


def test_a_state_fades_by_a_gate_and_takes_in_the_rest(student: MarianStudent) -> None:
    recurrence = student.decoder[0].recurrence
    rows, state = torch.randn(3, 16), torch.randn(3, 16)
    recurrence.forget.weight.zero_()
    recurrence.forget.bias.zero_()  # half is kept

    _, present = recurrence(rows, state)

    torch.testing.assert_close(present, (state + rows @ recurrence.candidate.weight.T) / 2)


def test_a_decoder_begins_with_zeros_in_place_of_an_embedding(student: MarianStudent) -> None:
    first = student.embedded(torch.tensor([student.start_id]), torch.tensor([0]))

    assert first[0].tolist() == [0.0] * 8 + [1.0] * 8  # sines and cosines of position 0
