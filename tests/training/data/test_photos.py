import pytest

from training.data.photos import load_photos
from training.errors import TrainingError


def test_no_photo_has_two_roles() -> None:
    try:
        photos = load_photos()
    except TrainingError as error:
        pytest.skip(str(error))
    roles = (photos.calibration, photos.validation, photos.test)
    assert [len(role) for role in roles] == [60, 65, 117]
    assert len({photo for role in roles for photo in role}) == 242
