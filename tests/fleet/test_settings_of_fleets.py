import sys
from pathlib import Path

import pytest

from app.fleet.environment import VARIABLES, connect
from app.main import build
from app.settings import Settings
from deploy.ray_serve import main, orders_of


@pytest.mark.parametrize(
    ("given", "name"),
    [({"ray_address": "auto"}, "ADDRESS"), ({"ray_fleet": "b"}, "FLEET"), ({"ray_file": "f"}, "FILE")],
)
def test_a_service_that_computes_itself_refuses_settings_of_fleets(models_dir, given, name):
    with pytest.raises(
        ValueError, match=rf"TESSERA_RAY_{name} has an effect only with `python -m deploy\.ray_serve serve`"
    ):
        build(Settings(models_dir=models_dir, **given))


def test_a_file_of_replicas_that_cannot_be_used_ends_the_command_with_what_is_wrong(tmp_path, monkeypatch, capsys):
    file = tmp_path / "scaling.json"
    file.write_text('{"models": {"large": {"gpu": 1}}}')
    monkeypatch.setenv("TESSERA_RAY_FILE", str(file))
    with pytest.raises(ValueError, match=r"scaling\.json: models\.large\.gpu: Extra inputs are not permitted"):
        orders_of(Settings.load())
    monkeypatch.setenv("TESSERA_RAY_FLEET", "A fleet")
    assert main(["down"]) == 2
    assert "ray_fleet" in capsys.readouterr().err


def test_orders_have_the_settings_that_replicas_need_with_the_whole_path_of_the_models(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    orders = orders_of(Settings(models_dir=Path("models"), keep_versions=1, load_timeout_s=7, drain_timeout_s=20))
    assert (orders.models_dir, orders.keep_versions, orders.load_timeout_s) == (tmp_path / "models", 1, 7)
    assert 15 < orders.drain_timeout_s < 20  # a front says goodbye in what is left


def test_without_ray_it_says_what_to_install(monkeypatch):
    for name in VARIABLES:  # which are set, and are not to stay
        monkeypatch.setenv(name, VARIABLES[name])
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"Ray is not installed: pip install 'tessera\[ray\]'"):
        connect("")
