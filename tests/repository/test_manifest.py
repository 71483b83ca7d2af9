"""Rules for manifests, and for their size."""

import os

import pytest
from conftest import publish_sentiment
from pydantic import ValidationError

from app.errors import InvalidArtifact
from app.repository.manifest import Golden
from app.repository.repository import MOST_BYTES, ModelRepository

SCORES = [{"label": "a", "score": 0.75}, {"label": "b", "score": 0.25}]


@pytest.mark.parametrize("tolerance", [float("inf"), float("nan"), -1e-4, 1.0, 1e30])
def test_a_tolerance_that_tells_no_answers_apart_is_refused(tolerance):
    with pytest.raises(ValidationError, match=r"tolerance|finite"):
        Golden(input={"text": "a"}, output=SCORES, tolerance=tolerance)


@pytest.mark.parametrize(
    ("output", "tolerance"),
    [(SCORES, 0.05), (SCORES, 0.0), ({"y": [[300.0, -1.0]]}, 30.0), ({"text": "a"}, 1e-4), ({"y": ["NaN"]}, 1e-4)],
)
def test_a_tolerance_below_the_numbers_themselves_is_fine(output, tolerance):
    assert Golden(input={}, output=output, tolerance=tolerance).tolerance == tolerance


def test_a_manifest_beyond_all_measure_is_not_read(tmp_path):
    publish_sentiment(tmp_path / "models", tmp_path / "a")
    path = tmp_path / "models" / "tiny-sentiment" / "1" / "manifest.json"
    os.truncate(path, 3_000_000_000)  # a hole: it takes no room on the disk
    with pytest.raises(InvalidArtifact, match=f"has 3000000000 bytes, and may have {MOST_BYTES}"):
        ModelRepository(tmp_path / "models").read("tiny-sentiment", 1)


def test_a_manifest_of_a_wrong_batch_size_is_refused(tmp_path):
    with pytest.raises(ValidationError, match="max_batch_size"):
        publish_sentiment(tmp_path / "models", tmp_path / "a", batching={"max_batch_size": 10**9})
