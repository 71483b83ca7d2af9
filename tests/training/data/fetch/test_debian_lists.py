from hashlib import sha256
from pathlib import Path

import pytest

from training.data.fetch.debian import DebianList, fetch_debian_list
from training.errors import TrainingError

TEXT = "Package: rings\n"
WANTED = DebianList("dists_x_main_i18n_Translation-en", "12", sha256(TEXT.encode()).hexdigest())
APT = """for one in "$@"; do case "$one" in *Dir::State::Lists=*) lists="${one#*Lists=}";; esac; done
printf 'Package: rings\\n' > "$lists/somewhere_dists_x_main_i18n_NAME"
"""


def apt(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (folder / "apt-get").write_text(f"#!/bin/sh\n{APT.replace('NAME', name)}")
    (folder / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_list_is_fetched_beside_apts_own_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt(tmp_path, monkeypatch, "Translation-en")
    found = fetch_debian_list(WANTED, cache=tmp_path / "cache")
    assert found.read_text() == TEXT
    (tmp_path / "apt-get").unlink()
    assert fetch_debian_list(WANTED, cache=tmp_path / "cache") == found


def test_a_release_without_the_list_and_another_text_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt(tmp_path, monkeypatch, "Translation-de")
    with pytest.raises(TrainingError, match="apt has no such list"):
        fetch_debian_list(WANTED, cache=tmp_path / "cache")
    apt(tmp_path, monkeypatch, "Translation-en")
    with pytest.raises(TrainingError, match="its sha256 is"):
        fetch_debian_list(DebianList(WANTED.name, "13", "0" * 64), cache=tmp_path / "cache")
    assert list((tmp_path / "cache" / "debian").iterdir()) == []
