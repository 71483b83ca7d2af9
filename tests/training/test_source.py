import hashlib
from pathlib import Path

import pytest

from training.recipe import TrainingError
from training.source import LOCAL, Given, given


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """The hub's cache, with one dataset in it, and no hub."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    repository = cache / "datasets--shop--reviews"
    snapshot = repository / "snapshots" / ("c" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "reviews.csv").write_text("text,label\nfine,positive\n")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("c" * 40)
    return snapshot


def test_a_folder_is_taken_as_it_is(tmp_path):
    assert given(str(tmp_path), "dataset", ["*.csv"]) == Given(tmp_path, str(tmp_path), LOCAL)


@pytest.mark.parametrize("source", ["shop/reviews", "shop/reviews@main", f"shop/reviews@{'c' * 40}"])
def test_a_dataset_of_the_hub_is_known_by_its_commit(source, hub):
    found = given(source, "dataset", ["*.csv"])
    assert (found.folder, found.name, found.version) == (hub, source, "c" * 40)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        pytest.param("shop/other", "the hub cannot be reached; is this machine offline", id="not in the cache"),
        pytest.param("a b", "neither a folder nor the id of a dataset on the hub", id="no id"),
        pytest.param("/nowhere/at/all", "neither a folder nor the id", id="a path that is not there"),
        pytest.param("pyproject.toml", "is a file; a folder is needed", id="a file"),
    ],
)
def test_what_is_nowhere_is_one_sentence(source, says, hub):
    with pytest.raises(TrainingError, match=says) as raised:
        given(source, "dataset", ["*.csv"])
    assert source in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_hub_that_does_not_answer_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(TrainingError, match="the hub cannot be reached"):
        given("shop/reviews", "model", ["*.safetensors"])


def test_a_source_is_vouched_for_by_the_content_of_its_files(tmp_path):
    (tmp_path / "a.csv").write_text("one")
    (tmp_path / "b.csv").write_text("two")
    source = Given(tmp_path, "mine").source(tmp_path.glob("*.csv"), "training")
    assert source.sha256 == hashlib.sha256(b"onetwo").hexdigest()
    assert (source.name, source.version, source.used_for) == ("mine", "local", "training")
