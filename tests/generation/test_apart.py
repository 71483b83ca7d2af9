"""The verdict of the process in which a grammar is tried out, and what it means that there is none."""

import sys
from pathlib import Path

import pytest

from app.abandoned import Abandoned, wanted_while
from app.errors import InvalidInput, ModelNotReady, Overloaded
from app.generation import apart
from app.generation.apart import require_compiles


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Puts a script into the place of the interpreter; returns the file that has a line for each time it has begun."""

    def put(script: str) -> Path:
        program, begun = tmp_path / "program", tmp_path / "begun"
        program.write_text(f"#!/bin/sh\necho >> {begun}\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        return begun

    return put


@pytest.fixture
def grammar(request: pytest.FixtureRequest) -> str:
    """One of its own for each test: verdicts are remembered."""
    return f'start: "{request.node.name}"'


def test_a_grammar_that_compiles_is_let_through_and_one_that_is_wrong_is_left_to_who_compiles_it() -> None:
    require_compiles('start: "yes" | "no"')
    require_compiles("start: (")


@pytest.mark.parametrize("signal", ["SEGV", "ABRT", "PROF", "BUS"])
def test_what_the_system_ends_is_too_complex_and_is_not_tried_again(ends, grammar: str, signal: str) -> None:
    begun = ends(f"kill -{signal} $$")

    for _ in range(2):
        with pytest.raises(InvalidInput, match="too complex"):
            require_compiles(grammar)

    assert len(begun.read_text().splitlines()) == 1


@pytest.mark.parametrize("script", ["exit 1", "kill -TERM $$", "kill -INT $$"])
def test_any_other_end_is_no_fault_of_the_grammar_and_it_is_tried_again(ends, grammar: str, script: str) -> None:
    begun = ends(f"echo secret >&2; {script}")

    for _ in range(2):
        with pytest.raises(ModelNotReady) as refused:
            require_compiles(grammar)
        assert str(refused.value) == "grammars cannot be tried out"
        assert "secret" in str(refused.value.__cause__)

    assert len(begun.read_text().splitlines()) == 2


def test_one_that_is_killed_for_memory_may_be_sent_again(ends, grammar: str) -> None:
    ends("kill -KILL $$")

    with pytest.raises(Overloaded, match="memory"):
        require_compiles(grammar)


def test_without_an_interpreter_there_is_no_verdict_and_no_path_is_told(
    grammar: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")

    with pytest.raises(ModelNotReady, match=r"^grammars cannot be tried out$"):
        require_compiles(grammar)


def test_one_that_takes_too_long_is_ended(ends, grammar: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "PATIENCE_S", 0.2)
    ends("exec sleep 60")

    with pytest.raises(Overloaded, match="no time"):
        require_compiles(grammar)


def test_one_that_nobody_waits_for_is_ended(ends, grammar: str) -> None:
    ends("exec sleep 60")

    with wanted_while(lambda: False), pytest.raises(Abandoned):
        require_compiles(grammar)
