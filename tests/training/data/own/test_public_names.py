import getpass
from pathlib import Path

import pytest

from training.data.own.names import NAMELESS, public_name, redacted


def test_of_a_folder_only_its_own_name_is_public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = tmp_path / "anna" / "shop reviews"
    shop.mkdir(parents=True)
    assert public_name(str(shop)) == "shop reviews"
    assert public_name(f"{shop}/") == "shop reviews"
    monkeypatch.chdir(shop)
    assert public_name(".") == "shop reviews"
    assert public_name("../shop reviews") == "shop reviews"


def test_a_folder_that_is_called_as_its_owner_has_no_public_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "anna"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    assert public_name(str(home)) == NAMELESS
    assert public_name("/") == NAMELESS
    (tmp_path / getpass.getuser()).mkdir()
    assert public_name(str(tmp_path / getpass.getuser())) == NAMELESS


@pytest.mark.parametrize("source", ["shop/reviews", "shop/reviews@main"])
def test_an_id_of_the_hub_is_public(source: str) -> None:
    assert public_name(source) == source


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Error for url: https://anna:secret@hub.example/api", "Error for url: https://hub.example/api"),
        ("https://hub.example/api?token=abc&x=1 is not there", "https://hub.example/api is not there"),
        ("Bearer hf_AbCdEf123", "Bearer hf_…"),
        ("what? nothing", "what? nothing"),
    ],
)
def test_secrets_are_not_said_again(text: str, said: str) -> None:
    assert redacted(text) == said
