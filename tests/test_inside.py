from pathlib import Path

import pytest

from app.inside import found_in, leads_out


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret", "part/../../secret", "..", "part\\secret", "a\0.data"])
def test_a_name_that_leads_out_is_known_without_looking(name: str) -> None:
    assert leads_out(name)


@pytest.mark.parametrize("name", ["w.data", "part/w.data", "./w.data", "..w", "w..data", "C:w"])
def test_other_names_stay_inside(name: str) -> None:
    assert not leads_out(name)


def test_links_are_followed_and_may_not_leave(tmp_path: Path) -> None:
    folder = tmp_path / "version"
    (folder / "part").mkdir(parents=True)
    (folder / "inside").symlink_to(folder / "part")
    (folder / "out").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")

    assert found_in(folder, "inside/w.data") == folder / "part" / "w.data"
    assert found_in(folder, "out/w.data") is None
    loop = found_in(folder, "loop")
    assert loop is not None
    assert not loop.is_file()
