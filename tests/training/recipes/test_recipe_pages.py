"""A recipe is a page, and its long texts lie beside it."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from training.recipes import RECIPES

PAGE = 180  # lines
FOLDER = Path(__file__).parents[3] / "training" / "recipes"


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_page(name: str) -> None:
    found = find_spec(RECIPES[name].module)
    assert found
    assert found.origin
    assert len(Path(found.origin).read_text(encoding="utf-8").splitlines()) <= PAGE


def test_texts_lie_beside_the_module_that_reads_them() -> None:
    for path in FOLDER.glob("*.md"):
        code = path.with_suffix(".py").read_text(encoding="utf-8")
        assert "Prose(__name__)" in code
