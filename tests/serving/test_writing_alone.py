"""One answer that is being generated: its phases, what it tells, and how it ends."""

import asyncio

import pytest

from app.errors import DeadlineExceeded, ServiceError
from app.generation.prompt import Prompt, Token
from app.generation.sampling import Chooser
from app.serving.scheduler import Turn
from app.serving.shares import Share
from app.serving.writing import Writing

END = 99


def writing(most_new: int = 3) -> Writing:
    prompt = Prompt((1, 2, 3), most_new, frozenset({END}))
    return Writing(prompt, Turn(1e9, 0, "a"), Share(), 0.0, Chooser(prompt))


def test_it_waits_is_read_and_is_written():
    one = writing()
    phases = [one.phase]
    one.begun, one.known = 1.0, 2
    phases.append(one.phase)
    one.known = 3
    assert one.add(Token(7))
    phases.append(one.phase)
    assert phases == ["queue", "read", "write"]
    assert (one.unread, one.num_new, one.reserved) == (1, 1, 6)
    one.known = 0  # as after its memory was lost: all of it is read again
    assert one.is_reading


@pytest.mark.parametrize(("ids", "finish"), [([7, END], "stop"), ([7, 8, 9], "length"), ([7, 8, END], "stop")])
def test_it_ends_by_its_model_or_with_the_most_tokens(ids, finish):
    one = writing()
    assert [one.add(Token(token)) for token in ids] == [True] + [False] * (len(ids) - 1)
    assert (one.finish, one.is_over) == (finish, True)
    one.add(Token(8))
    assert one.num_new == len(ids)


def test_what_came_before_a_failure_is_told_first():
    async def main() -> tuple[list[int], ServiceError]:
        one = writing()
        one.add(Token(7))
        one.add(Token(8))
        error = DeadlineExceeded("late")
        one.fail(error)
        one.fail(DeadlineExceeded("later"))
        told = await one.progress()
        with pytest.raises(DeadlineExceeded) as failed:
            await one.progress()
        assert failed.value is error
        return [token.id for token in told.tokens], error

    assert asyncio.run(main())[0] == [7, 8]


def test_nobody_takes_back_how_it_ended():
    one = writing(most_new=1)
    one.add(Token(7))
    one.fail(DeadlineExceeded("late"))
    assert (one.finish, one.error) == ("length", None)
