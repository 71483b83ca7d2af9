"""Students of Marian that travel in a package."""

import pytest

from training.data import marian_students
from training.data.marian_students import FOLDER, PackagedStudent
from training.errors import TrainingError


def test_weights_with_another_content_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(marian_students, "fetch", lambda package: tmp_path)
    path = tmp_path / FOLDER / "one" / "model.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    with pytest.raises(TrainingError, match="is not used: its sha256 is"):
        PackagedStudent("one", "model.bin", sha256="0" * 64).load()


def test_its_source_says_what_is_not_known():
    source = PackagedStudent("one", "model.bin", sha256="0" * 64).source
    assert "not verified" in source.licence
    assert source.sha256
