from functools import partial
from pathlib import Path

import pytest

from training.baselines import chat_lines as measuring
from training.baselines.chat_lines import (
    CHAT,
    DATA_SHA256,
    NAME,
    SAMPLE,
    SPLIT,
    beside_chat,
    chat_lines,
    figures,
    sample,
)
from training.baselines.table import Table, write_table
from training.data.software_lines import Described
from training.errors import TrainingError

PAIRS = [Described(f"This is a program for the map {i}.", f"program for a map {i}") for i in range(SAMPLE + 20)]


def test_a_sample_is_drawn_by_a_seed() -> None:
    assert sample(PAIRS) == sample(PAIRS)
    assert len(sample(PAIRS)) == SAMPLE


def test_figures_are_those_of_the_lines() -> None:
    found = figures([one.line for one in PAIRS], PAIRS)
    assert (found["rouge1"], found["unsupported_per_100"]) == (1, 0)
    assert figures(["Maren"] * len(PAIRS), PAIRS)["rouge1"] == 0


def test_without_the_chat_model_it_says_how_to_have_it(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="python -m training smollm2-instruct"):
        chat_lines(["a"], tmp_path)


def test_the_card_has_the_table_if_it_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "FOLDER", tmp_path)
    assert beside_chat([], []) == {}
    lines = [one.line for one in PAIRS]
    kept = {CHAT: figures(["Maren"] * len(PAIRS), PAIRS)}
    write_table(
        NAME, Table(data_sha256=DATA_SHA256, split=SPLIT, figures=kept, settings={}, libraries={}), folder=tmp_path
    )
    monkeypatch.setattr(measuring, "kept_table", partial(measuring.kept_table, folder=tmp_path))
    (section,) = beside_chat(lines, PAIRS).values()
    assert f"| {NAME} | 1.000 |" in section
    assert f"| {CHAT} | 0.000 |" in section
