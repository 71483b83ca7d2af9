"""Rules as they are read from a disk and written to it."""

import asyncio
import os

import pytest

from app.errors import NotWritable
from app.repository.traffic import FILE, MOST_BYTES, CanaryRule, ShadowRule, TrafficRule
from app.serving.rules import KeptRules

RULE = TrafficRule(default=1, canary=CanaryRule(version=2, share=0.05), shadow=ShadowRule(version=3))


@pytest.fixture
def root(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "no folder").write_text("")
    return tmp_path


def test_what_is_written_is_read_again_and_taken_away(root):
    async def main():
        kept = KeptRules(root)
        assert await kept.read() == {}
        await kept.write("a", RULE)
        assert await kept.read() == {"a": RULE}
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
        kept = KeptRules(root)
        await kept.write("b", RULE)
        assert await kept.read() == {"b": RULE}
        assert kept.problems["a"].startswith(FILE)
        (root / "a" / FILE).unlink()
        assert await kept.read() == {"b": RULE}
        return kept.problems

    assert asyncio.run(main()) == {}


def test_a_file_that_cannot_be_read_is_a_problem_of_its_model(root):
    (root / "a" / FILE).mkdir()

    async def main():
        kept = KeptRules(root)
        return await kept.read(), kept.problems

    assert asyncio.run(main()) == ({}, {"a": f"{FILE} cannot be read: Is a directory"})


def test_where_nothing_can_be_written_it_says_so_and_leaves_nothing(root):
    async def main():
        await KeptRules(root).write("gone", RULE)

    with pytest.raises(NotWritable, match=r"gone/traffic\.json of the repository cannot be written.*No such file"):
        asyncio.run(main())
    assert sorted(os.listdir(root)) == ["a", "b", "no folder"]
