"""One pass of a tiny decoder: who gets which token, and who fails alone."""

import pytest
from decoders import Watched, alone, endless, new_decoder

from app.errors import InferenceFailed, InvalidInput
from app.generation.prompt import Logits, Prompt, Token
from app.generation.sampling import Chooser
from app.runtimes.interrupt import Interrupted
from app.serving.passes import Pass, run_pass
from app.serving.scheduler import Turn
from app.serving.shares import Share
from app.serving.slots import Copy, Swap
from app.serving.writing import Writing

__all__ = ["new_decoder"]

POISON = 200  # a token of no text


def writing(prompt: Prompt, slot: int) -> Writing:
    return Writing(prompt, Turn(1e9, 0, "a"), Share(), 0.0, Chooser(prompt), slot=slot)


def read(decoder: Watched, one: Writing) -> Writing:
    """Let all of its prompt be read, and give it its first token."""
    outcome = run_pass(decoder, Pass([], [], one, one.unread))
    assert isinstance(outcome.read, Token)
    one.known = len(one.ids)
    one.add(outcome.read)
    return one


@pytest.fixture
def decoder(new_decoder) -> Watched:
    return Watched(new_decoder(4))


def test_a_prompt_has_its_token_when_its_last_chunk_was_read(decoder, new_decoder):
    prompt = endless("abcdefgh", 1)
    one = writing(prompt, 0)
    assert run_pass(decoder, Pass([], [], one, 4)).read is None
    one.known = 4
    assert [run_pass(decoder, Pass([], [], one, 4)).read] == alone(new_decoder(1), prompt)


def test_steps_and_a_chunk_of_one_pass_are_those_of_each_alone(decoder, new_decoder):
    prompts = [endless(text, 2) for text in ("abc", "defgh", "ij")]
    first, second = (read(decoder, writing(prompt, slot)) for slot, prompt in enumerate(prompts[:2]))
    third = writing(prompts[2], 2)
    outcome = run_pass(decoder, Pass([], [first, second], third, third.unread))
    expected = [alone(new_decoder(1), prompt) for prompt in prompts]
    assert [*outcome.stepped, outcome.read] == [expected[0][1], expected[1][1], expected[2][0]]
    assert decoder.runs[-2:] == [(2, 1), (1, 2)]
    assert min(outcome.step_s, outcome.read_s) > 0


def test_what_is_moved_goes_on_where_it_lies(decoder, new_decoder):
    prompt = endless("abcdef", 2)
    one = read(decoder, writing(prompt, 0))
    one.slot = 1
    outcome = run_pass(decoder, Pass([Swap(0, 1, one.known)], [], None))
    assert (outcome.stepped, outcome.read) == ([], None)
    run_pass(decoder, Pass([Copy(1, 0, one.known)], [], None))
    one.slot = 0
    assert list(run_pass(decoder, Pass([], [one])).stepped) == alone(new_decoder(1), prompt)[1:]


def test_a_row_at_which_the_decoder_fails_fails_alone(decoder, new_decoder):
    prompts = [endless("abc", 2), endless("def", 2)]
    first, second = (read(decoder, writing(prompt, slot)) for slot, prompt in enumerate(prompts))
    second.ids[-1] = decoder.poison = POISON
    fine, failed = run_pass(decoder, Pass([], [first, second])).stepped
    assert fine == alone(new_decoder(1), prompts[0])[1]
    assert isinstance(failed, InferenceFailed)


class TooComplex(Chooser):
    """As a constraint does whose grammar becomes so while it is followed."""

    def choose(self, *logits: Logits) -> Token:
        raise InvalidInput("the grammar cannot be followed")


def test_a_fault_of_whoever_asked_stays_one_and_is_no_failure_of_the_model(decoder, new_decoder):
    prompts = [endless("abc", 2), endless("def", 2)]
    first, second = (read(decoder, writing(prompt, slot)) for slot, prompt in enumerate(prompts))
    second.chooser = TooComplex(prompts[1])
    fine, failed = run_pass(decoder, Pass([], [first, second])).stepped
    assert fine == alone(new_decoder(1), prompts[0])[1]
    assert isinstance(failed, InvalidInput)


def test_a_prompt_that_cannot_be_read_is_told(decoder):
    one = writing(endless((POISON, POISON), 2), 0)
    decoder.poison = POISON
    assert isinstance(run_pass(decoder, Pass([], [], one, 2)).read, InferenceFailed)


@pytest.mark.parametrize("num_stepping", [0, 1, 2])
def test_an_interrupt_is_nobodys_fault(decoder, num_stepping):
    rows = [read(decoder, writing(endless("abc", 3), slot)) for slot in range(num_stepping)]
    last = writing(endless((POISON, POISON), 2), 2)
    for one in rows:
        one.ids[-1] = POISON
    decoder.poison, decoder.error = POISON, Interrupted
    with pytest.raises(Interrupted):
        run_pass(decoder, Pass([], rows, last, 2))
