import torch

from training.loop.augmentation import erased, mirrored, shifted


def pictures(count: int = 200) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randint(1, 256, (count, 12, 10), dtype=torch.uint8)


def test_about_half_of_the_pictures_are_mirrored_and_none_is_changed_otherwise() -> None:
    before = pictures()
    after = mirrored(before)
    same = (after == before).flatten(1).all(1)
    turned = (after == before.flip(2)).flatten(1).all(1)
    assert (same ^ turned).all()
    assert 70 < turned.sum() < 130


def test_each_picture_moves_on_its_own_and_what_comes_in_is_black() -> None:
    before = pictures()
    after = shifted(before, 2)
    assert after.shape == before.shape
    found = set()
    for old, new in zip(before, after, strict=True):
        padded = torch.nn.functional.pad(old, (2,) * 4)
        places = [(y, x) for y in range(5) for x in range(5) if torch.equal(padded[y : y + 12, x : x + 10], new)]
        assert len(places) == 1
        found.add(places[0])
    assert len(found) == 25


def test_an_erased_rectangle_is_noise_within_its_sizes_and_the_rest_stays() -> None:
    before = torch.zeros(500, 28, 28, dtype=torch.uint8)
    after = erased(before, 0.5, least=4, most=14)
    changed = after != before
    assert 180 < changed.flatten(1).any(1).sum() < 320
    rows, columns = changed.any(2).sum(1), changed.any(1).sum(1)
    assert rows.max() <= 14
    assert columns.max() <= 14
    assert len(after[changed].unique()) > 200


def test_nothing_is_erased_at_probability_zero() -> None:
    before = pictures()
    assert torch.equal(erased(before, 0.0), before)
