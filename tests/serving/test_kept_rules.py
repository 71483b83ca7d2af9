"""Rules as they are read from a disk and written to it."""

import asyncio
import os

import pytest

from app.errors import NotWritable
from app.repository.repository import ModelRepository
from app.repository.traffic import FILE, MOST_BYTES, CanaryRule, ShadowRule, TrafficRule
from app.serving.rules import KeptRules

RULE = TrafficRule(default=1, canary=CanaryRule(version=2, share=0.05), shadow=ShadowRule(version=3))


def kept_rules(root, *only):
    return KeptRules(ModelRepository(root, only))


@pytest.fixture
def root(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "no folder").write_text("")
    return tmp_path


def test_what_is_written_is_read_again_and_taken_away(root):
    async def main():
        kept = kept_rules(root)
        assert await kept.read() == {"a": None, "b": None}
        await kept.write("a", RULE)
        assert await kept.read() == {"a": RULE, "b": None}
        assert await kept.read("b") == {"b": None}
        await kept.write("a", None)
        await kept.write("a", None)
        return await kept.read("a")

    assert asyncio.run(main()) == {"a": None}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param('{"default": "1"}', id="text for a number"),
        pytest.param('{"default": 0}', id="no version"),
        pytest.param('{"default": 1, "more": 1}', id="unknown field"),
        pytest.param('{"default": 1, "canary": {"version": 2, "share": NaN}}', id="no share"),
        pytest.param('{"default": 1, "shadow": {"version": 1}}', id="a version twice"),
        pytest.param(" " * (MOST_BYTES + 1), id="too large"),
    ],
)
def test_a_file_that_is_no_rule_hides_no_other(root, content):
    (root / "a" / FILE).write_text(content)

    async def main():
        kept = kept_rules(root)
        await kept.write("b", RULE)
        assert await kept.read() == {"b": RULE}
        assert kept.problems["a"].startswith(FILE)
        (root / "a" / FILE).unlink()
        assert await kept.read() == {"a": None, "b": RULE}
        return kept.problems

    assert asyncio.run(main()) == {}


def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(root):
    os.mkfifo(root / "a" / FILE)
    kept = kept_rules(root)
    assert asyncio.run(asyncio.wait_for(kept.read(), 5)) == {"b": None}
    assert FILE in kept.problems["a"]


def test_of_a_model_whose_folder_is_away_nothing_is_said(root):
    (root / "a").rmdir()
    kept = kept_rules(root)
    assert asyncio.run(kept.read()) == {"b": None}
    assert asyncio.run(kept.read("a")) == {}


def test_rules_of_what_is_not_served_here_or_is_no_model_are_left_alone_with_a_word(root, caplog):
    (root / "a copy").mkdir()
    caplog.set_level("INFO")

    async def main():
        for one in ("a", "b", "a copy"):
            await kept_rules(root).write(one, RULE)
        kept = kept_rules(root, "b")
        return [await kept.read(), await kept.read(), await kept.read("a"), await kept_rules(root).read("a copy")]

    assert asyncio.run(main()) == [{"b": RULE}, {"b": RULE}, {}, {}]
    assert [one.message for one in caplog.records] == ["a is not served here, and its rule on traffic is left alone"]


def test_a_file_that_cannot_be_read_is_a_problem_of_its_model(root):
    (root / "a" / FILE).mkdir()

    async def main():
        kept = kept_rules(root)
        return await kept.read(), kept.problems

    assert asyncio.run(main()) == ({"b": None}, {"a": f"{FILE} cannot be read: Is a directory"})


def test_where_nothing_can_be_written_it_says_so_and_leaves_nothing(root):
    async def main():
        await kept_rules(root).write("gone", RULE)

    with pytest.raises(NotWritable, match=r"gone/traffic\.json of the repository cannot be written.*No such file"):
        asyncio.run(main())
    assert sorted(os.listdir(root)) == ["a", "b", "no folder"]
