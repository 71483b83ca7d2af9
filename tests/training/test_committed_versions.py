"""The files in models/ are what they say they are."""

import ast
import re
from pathlib import Path

import pytest

from app.repository.manifest import Manifest
from app.repository.repository import ModelRepository
from training.card.markdown import figure
from training.card.remarks import REMARKS
from training.recipes import RECIPES, load_recipe

MODELS = ModelRepository(Path(__file__).parents[2] / "models")
VERSIONS = [(name, version) for name in MODELS.names() for version in MODELS.versions(name)]
# The others are made on each machine, perhaps by sources of another day.
COMMITTED = re.findall(r"^!models/([^/]+)/$", (MODELS.root.parent / ".gitignore").read_text(), re.MULTILINE)


def card_says(card: str, manifest: Manifest) -> bool:
    """Does the card give each metric of the manifest, and each baseline, as the manifest has them?"""
    rows = {}
    for line in card.splitlines():
        if line.startswith("| "):
            name, dataset, *figures = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            rows[name, dataset] = figures
    return all(
        rows.get((metric.name, " ".join(metric.dataset.split())))
        == [f"**{figure(metric.value)}**", *map(figure, metric.baselines.values())]
        for metric in manifest.metrics
    )


@pytest.mark.parametrize(("name", "version"), VERSIONS)
def test_the_files_of_a_version_have_the_hashes_of_its_manifest(name: str, version: int) -> None:
    manifest = MODELS.read(name, version)
    assert MODELS.verify(manifest).keys() == manifest.files.keys()


@pytest.mark.parametrize(("name", "version"), [one for one in VERSIONS if one[0] in RECIPES])
def test_a_version_is_what_its_recipe_says(name: str, version: int) -> None:
    manifest, recipe = MODELS.read(name, version), load_recipe(name)
    assert (manifest.task, manifest.provenance and manifest.provenance.recipe) == (recipe.task, recipe.name)
    reached = {metric.name: metric.value for metric in manifest.metrics}
    assert all(reached[metric] >= least for metric, least in recipe.must_reach.items())


def phrases() -> list[str]:
    """Every piece of text in the sources of training, longest first."""
    sources = Path(__file__).parents[2] / "training"
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in sources.rglob("*.py"))
    found = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    for path in sources.rglob("*.md"):
        paragraphs = path.read_text(encoding="utf-8").split("\n\n")
        found |= {part for one in paragraphs for part in re.split(r"\{\w+\}", " ".join(one.split()))}
    return sorted((one.strip() for one in found if isinstance(one, str) and len(one) > 20), key=len, reverse=True)


@pytest.mark.parametrize(("name", "version"), [one for one in VERSIONS if one[0] in COMMITTED])
def test_what_is_noted_of_a_version_stands_in_the_sources(name: str, version: int) -> None:
    made = MODELS.read(name, version).provenance
    assert made
    notes = made.notes
    for phrase in (REMARKS.get((name, version), "no remark"), *phrases()):
        notes = " ".join(notes.replace(phrase, "").split())
    assert not re.sub(r"[\d\s.,]", "", notes)


@pytest.mark.parametrize(("name", "version"), [one for one in VERSIONS if MODELS.read(*one).card])
def test_a_card_has_the_figures_of_its_manifest(name: str, version: int) -> None:
    manifest = MODELS.read(name, version)
    assert manifest.card
    card = MODELS.read_file(manifest, manifest.card.markdown).decode()
    assert card_says(card, manifest)
    assert all(f"({picture})" in card for picture in manifest.card.pictures)
