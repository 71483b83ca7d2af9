import subprocess
import sys

import pytest
from conftest import publish_sentiment

from training.__main__ import main
from training.recipes import RECIPES, load_recipe


def test_the_list_shows_every_recipe(capsys):
    assert main(["list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_found_under_its_own_name(name):
    assert load_recipe(name).name == name


def test_an_unknown_recipe_is_one_sentence_and_a_status(capsys):
    assert main(["alchemy"]) == 2
    assert capsys.readouterr().err.startswith("unknown recipe alchemy; there are: imagenet-efficientnet")


def test_what_is_there_is_not_made_again_and_no_training_library_is_loaded(tmp_path):
    publish_sentiment(tmp_path / "models", tmp_path / "scratch", name="reviews-sentiment")
    code = (
        "import sys; from training.__main__ import main; "
        f"status = main(['--if-missing', '--models', {str(tmp_path / 'models')!r}, 'reviews-sentiment']); "
        "sys.exit(status or ('torch' in sys.modules or 'onnxruntime' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert len(list((tmp_path / "models" / "reviews-sentiment").iterdir())) == 1
