import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from line_recipe import leave_only_fits, names
from published import opened

from app.repository.manifest import Manifest
from app.tasks.catalogue import CatalogueItem
from training.build import build
from training.data import events
from training.data.event_log import PADDING, EventLog, leave_last_out
from training.loop.blended import learn
from training.loop.next_event import NextEventSettings, score
from training.measures.ranking import hit_rate, target_ranks
from training.recipe import Run
from training.recipes import recommender as recipe
from training.recipes.movielens_recommender import RECIPE


def ring(num_people: int, num_items: int = 30, length: int = 12) -> EventLog:
    """Everybody sees item after item around a ring, each from another place; some titles are those of the examples."""
    titles = [*recipe.SCIENCE_FICTION, *recipe.CHILDRENS_FILMS]
    titles += [f"Film {number}" for number in range(num_items - len(titles))]
    films = [CatalogueItem(id=index, title=title, genres=[]) for index, title in enumerate(titles, 1)]
    histories = [[(person + step) % num_items + 1 for step in range(length)] for person in range(num_people)]
    return EventLog([PADDING, *films], histories)


def test_the_network_learns_what_follows_what(tmp_path: Path) -> None:
    past, targets = leave_last_out(ring(30).histories)
    network, _ = learn(past, 30, Run(tmp_path), NextEventSettings())
    assert hit_rate(target_ranks(score(network, past), past, targets), 1) > 0.9


def test_the_same_seed_learns_the_same(tmp_path: Path) -> None:
    runs = (Run(tmp_path / str(number), seed=3) for number in range(2))
    first, second = (learn(ring(20).histories, 30, run, NextEventSettings(epochs=2))[0].state_dict() for run in runs)
    for name, weights in first.items():
        torch.testing.assert_close(weights, second[name], rtol=0, atol=1e-5)


def test_a_batch_in_which_nothing_follows_anything_leaves_the_loss_a_number(tmp_path: Path) -> None:
    histories = [
        [1, 2, 3],
        *[[4]] * NextEventSettings().batch_size,
    ]  # two batches, and all that follows is in one of them
    network, curve = learn(histories, 20, Run(tmp_path), NextEventSettings(epochs=2))
    assert all(0 < row["loss"] < 10 for row in curve.rows)
    assert all(weights.isfinite().all() for weights in network.parameters())


def grouped_ring() -> EventLog:
    half = np.arange(40) < 20
    return replace(ring(40), groups={"women": half, "men": ~half, "nobody": half & ~half})


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ring") / "work"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def of_the_ring(work: Path) -> tuple[Manifest, Path]:
    """A version that was made in `work`, of MovieLens as far as the recipe knows, and where it lies."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(events, "load_movielens", grouped_ring)
        monkeypatch.setattr("training.card.groups.FEW", 20)
        manifest = build(RECIPE, Run(work, tiny=True), work.parent / "models")
    return manifest, work.parent / "models" / manifest.name / "1"


def test_a_tiny_run_publishes_a_version_that_answers(of_the_ring: tuple[Manifest, Path]) -> None:
    manifest, folder = of_the_ring
    science_fiction, _, empty = manifest.golden
    assert science_fiction.input == {"history": recipe.SCIENCE_FICTION}
    assert [len(golden.output) for golden in manifest.golden] == [3, 3, 3]
    assert not {film["title"] for film in science_fiction.output} & set(recipe.SCIENCE_FICTION)
    assert empty.output[0]["score"] >= empty.output[1]["score"]

    catalogue = json.loads((folder / "items.json").read_text())
    assert catalogue[0]["title"] == ""
    # What is held out does not count: 11 of 12 events of each of 40 people.
    assert sum(item["popularity"] for item in catalogue) == 40 * 11
    assert {metric.name for metric in manifest.metrics} == {*RECIPE.must_reach, "deletion_area"}
    assert set(manifest.metrics[0].baselines) == {
        "popularity", "user and item embeddings", "NeuMF", "ALS", "item-kNN", "item-kNN, events fading",
        "EASE", "EASE, events fading", "GRU4Rec", "SASRec",
    }  # fmt: skip

    card = (folder / "card.md").read_text(encoding="utf-8")
    table = card.partition("## For whom it works")[2].partition("## What it favours")[0]
    assert re.findall(r"^\| ([a-z0-9 %]+) \| (\d+) \|", table, re.MULTILINE)[:3] == [
        ("women", "20"), ("men", "20"), ("up to 50 events", "40"),
    ]  # fmt: skip
    assert re.search(r"^\| popularity \| 0\.\d+ \| [01]\.\d+ \|", card, re.MULTILINE)


def test_a_resumed_run_is_judged_as_one_at_once(
    of_the_ring: tuple[Manifest, Path], work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "load_movielens", grouped_ring)
    once, _ = of_the_ring
    resumed_in = shutil.copytree(work, tmp_path / "work")
    leave_only_fits(resumed_in)
    resumed = build(RECIPE, Run(resumed_in, tiny=True, resume=True), tmp_path / "models")
    assert (resumed.metrics, resumed.files["model.onnx"]) == (once.metrics, once.files["model.onnx"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 people go around a ring of 20 teas, of which two have one title; everybody begins with tea 107."""
    folder = tmp_path_factory.mktemp("events") / "shop"
    folder.mkdir()
    teas = [f"{100 + number},Tea {max(number, 1)},Green|Loose" for number in range(20)]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *teas]), encoding="utf-8")
    events = [f"{person},107,0" for person in range(30)]
    events += [f"{person},{100 + (person + step) % 20},{step}" for person in range(30) for step in range(1, 9)]
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,timestamp", *events]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def of_the_shop(shop: Path) -> tuple[Manifest, Path]:
    """A version made of its events and judged by 12 of its people, and where it lies."""
    workdir = shop.parent / "work"
    workdir.mkdir()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(events, "MOST_JUDGED", 12)
        manifest = build(RECIPE, Run(workdir, tiny=True, source=str(shop)), shop.parent / "models")
    return manifest, shop.parent / "models" / manifest.name / "1"


def test_a_version_of_ones_own_events_says_whose_they_are(shop: Path, of_the_shop: tuple[Manifest, Path]) -> None:
    manifest, _ = of_the_shop
    [source] = manifest.provenance.sources
    csv = (shop / "movies.csv").read_bytes() + (shop / "ratings.csv").read_bytes()
    assert (source.name, source.version, source.sha256) == (shop.name, "local", hashlib.sha256(csv).hexdigest())
    assert manifest.provenance.command.endswith("--source shop")
    hits, gain, area = manifest.metrics
    assert {metric.dataset for metric in manifest.metrics} == {"shop"}
    assert hits.split == gain.split
    assert hits.split.startswith("the last event of each of 12 people, drawn by chance from 30, ranked among")
    assert hits.value * 12 == pytest.approx(round(hits.value * 12))
    assert area.split.startswith("what 2 people had before their last event")


def test_a_version_of_ones_own_events_says_nothing_of_films(of_the_shop: tuple[Manifest, Path]) -> None:
    manifest, folder = of_the_shop
    assert not names(folder, str(folder.parents[2]), str(Path.cwd()))
    told = (folder / "manifest.json").read_text(encoding="utf-8") + (folder / "card.md").read_text(encoding="utf-8")
    told = told.replace(recipe.NAME, "").lower()
    assert "it knows 20 items" in told
    assert not [
        word for word in ("movielens", "grouplens", "film", "943 people", "than 1998", "research") if word in told
    ]
    assert set(manifest.metrics[0].baselines) == {
        "popularity", "item-kNN", "item-kNN, events fading", "EASE", "EASE, events fading", "SASRec",
    }  # fmt: skip


def test_a_test_of_ones_own_is_what_it_is_measured_on(shop: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(shop, own)
    events = [f"{person},{100 + (person + step) % 20},{step}" for person in range(30) for step in (9, 10)]
    (own / "ratings_test.csv").write_text("\n".join(["userId,movieId,timestamp", *events]), encoding="utf-8")
    (tmp_path / "work").mkdir()
    manifest = build(RECIPE, Run(tmp_path / "work", tiny=True, source=str(own)), tmp_path / "models")
    assert manifest.provenance
    assert "The test split is as given." in manifest.provenance.notes
    assert manifest.metrics[0].split == "60 events of the given test, ranked among all items new to them"
    catalogue = json.loads((tmp_path / "models" / manifest.name / "1" / "items.json").read_text())
    # Fifteen people come to tea 107 again; for two that is in the test, so they do not begin with it.
    assert sum(item["popularity"] for item in catalogue) == 30 * 9 - 15 - 2


def test_golden_answers_of_ones_own_events_are_given_again(of_the_shop: tuple[Manifest, Path]) -> None:
    made, folder = of_the_shop
    manifest = opened(folder.parents[1], made.name).manifest
    popular, first, empty = manifest.golden
    assert popular.input["history"][:1] == first.input["history"] == [107]
    assert [len(golden.output) for golden in manifest.golden] == [1, 1, 3]
    assert popular.output[0]["item"] not in popular.input["history"]
    assert empty.output[0]["item"] == 107
