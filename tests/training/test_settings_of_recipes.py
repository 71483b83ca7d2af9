"""TrainingSettings of a training, set one by one from the command line."""

from typing import Annotated

import pytest

from training.__main__ import main
from training.errors import TrainingError
from training.recipe import Run
from training.recipes import RECIPES, load_recipe
from training.settings import Between, Count, Rate, TrainingSettings


class Painting(TrainingSettings):
    coats: Count = 2
    speed: Annotated[Rate, Between(0.1, 1, in_log=True)] = 0.5


def test_what_is_set_takes_the_place_of_what_is_usual_and_the_rest_stays(tmp_path):
    run = Run(tmp_path, set={"speed": "1e-2"})
    assert run.chosen(Painting()) == Painting(coats=2, speed=0.01)
    assert Run(tmp_path, tiny=True).chosen(Painting(), Painting(coats=1)) == Painting(coats=1)
    assert Run(tmp_path, tiny=True, set={"coats": "3"}).chosen(Painting(), Painting(coats=1)) == Painting(coats=3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"coat": "3"}, "--set coat: there is no such setting; did you mean coats"),
        ({"zzz": "3"}, "--set zzz: there is no such setting; there are: coats, speed"),
        ({"coats": "0"}, "--set coats=0: input should be greater than or equal to 1"),
        ({"coats": "2.5"}, "--set coats=2.5: input should be a valid integer"),
        ({"coats": "many"}, "--set coats=many: input should be a valid integer"),
        ({"speed": "nan"}, "--set speed=nan: input should be a finite number"),
        ({"speed": "inf"}, "--set speed=inf: input should be"),
        ({"speed": "-1"}, "--set speed=-1: input should be greater than 0"),
    ],
)
def test_what_cannot_be_set_is_said_with_its_name_and_why(given, said):
    with pytest.raises(TrainingError) as error:
        Painting().changed(given)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize("name", RECIPES)
def test_of_each_recipe_that_learns_the_usual_settings_are_in_their_bounds(name):
    recipe = load_recipe(name)
    for settings in filter(None, (recipe.settings, recipe.tiny)):
        given = {field: str(value) for field, value in settings.model_dump().items()}
        assert settings.changed(given) == settings
        for field, info in type(settings).model_fields.items():
            for between in (one for one in info.metadata if isinstance(one, Between)):
                for value in (between.low, between.high):
                    assert getattr(settings.changed({field: f"{value:g}"}), field) == value


def test_settings_out_of_bounds_are_refused_before_anything_is_loaded(capsys, tmp_path):
    options = ["--models", str(tmp_path / "models"), "--workdir", str(tmp_path)]
    assert main(["translator-en-de", "--set", "encoder_layers=7", *options]) == 1
    assert "--set encoder_layers=7: input should be less than or equal to 6" in capsys.readouterr().err


def test_a_recipe_that_learns_nothing_takes_no_settings(capsys, tmp_path):
    options = ["--models", str(tmp_path / "models"), "--workdir", str(tmp_path)]
    assert main(["translator-en-pt", "--set", "epochs=3", *options]) == 1
    assert "translator-en-pt learns nothing that could be set: leave out --set" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["epochs", "=3", "epochs=", ""])
def test_what_is_no_setting_is_refused_by_the_command_line(given, capsys):
    with pytest.raises(SystemExit):
        main(["fashion-vae", "--set", given])
    assert "is no setting, such as epochs=8" in capsys.readouterr().err
