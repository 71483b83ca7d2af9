"""Text generation in flight: a step for all answers at a time, which join and leave between two steps.

Knows neither text nor HTTP. In each pass every answer in flight gets its next token, and one prompt is read on by a
chunk, or some sources as a whole, so that no two tokens of an answer are far apart: a long prompt keeps nobody's tokens
waiting, and many answers keep no prompt waiting (Orca, OSDI 2022; Sarathi-Serve, OSDI 2024). An answer begins when
there is room for all the tokens that it may have, so none is ever taken back.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable, Iterator, Sequence
from itertools import chain
from time import perf_counter
from typing import Self

from app.errors import DeadlineExceeded, ModelNotReady, ServiceError
from app.generation.beams import Branch
from app.generation.prompt import Progress, Prompt, Token
from app.runtimes.interrupt import Interrupted
from app.serving.answering import failure_of
from app.serving.deadlines import Deadlines, too_late
from app.serving.lane import Lane
from app.serving.pass_plan import next_pass, seconds_of
from app.serving.passes import Next, Outcome, Pass, run_pass
from app.serving.scheduler import Turn
from app.serving.slots import Slots
from app.serving.step_admission import Likes, StepAdmission
from app.serving.step_cost import StepCost
from app.serving.step_line import StepLine
from app.serving.step_observer import StepObserver
from app.serving.worker import WorkerDied
from app.serving.writing import Writing
from app.tensors import Decoder


class Stepper:
    """Generates answers to prompts, up to `most_rows` at a time, in passes of one decoder.

    `decoder` returns it: after the thread died, `restore` has made another one. `most_tokens` may be known of all
    answers together, and `max_queue_size` answers may wait.
    """

    def __init__(
        self,
        decoder: Callable[[], Decoder],
        *,
        cost: StepCost,
        most_rows: int,
        most_tokens: int,
        max_queue_size: int,
        observer: StepObserver,
        refused: Callable[[str, int], None] = lambda reason, number: None,
        died: Callable[[], None] = lambda: None,
        check: Callable[[], object] = lambda: None,
        restore: Callable[[], None] = lambda: None,
        hang_after_s: float = 60.0,
        name: str = "stepper",
    ) -> None:
        self._decoder, self._cost, self._most_rows = decoder, cost, most_rows
        self._observer, self._died, self._check, self._restore = observer, died, check, restore
        self._hang_after_s, self._name = hang_after_s, name
        self._admission = StepAdmission(cost, most_rows=most_rows, max_queue_size=max_queue_size, refused=refused)
        self._slots = Slots(decoder().slots, most_tokens)
        self._line, self._deadlines, self._arrived = StepLine(), Deadlines(), asyncio.Event()
        self.share_of = self._line.share

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._lane: Lane[Pass, Outcome] = Lane(
            lambda passes: [run_pass(self._decoder(), one) for one in passes],
            check=self._check,
            restore=self._restore,
            stuck=self._relieve,
            died=self._died,
            not_restored=lambda: self._fail_all(ModelNotReady("the model could not be restarted")),
            hang_after_s=self._hang_after_s,
            name=self._name,
        )
        self._task = asyncio.create_task(self._serve(), name=self._name)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._fail_all(ModelNotReady("the model was unloaded before it had answered"))
        self._lane.stop()
        await self._lane.ended()
        self._deadlines.close()
        # They refer back to this, the task by the frames of its error: no circle keeps the decoder in memory.
        self._lane.forget()
        del self._task

    @property
    def is_ready(self) -> bool:
        return self._lane.is_ready

    @property
    def is_lost(self) -> bool:
        return self._lane.is_lost

    @property
    def queue_size(self) -> int:
        return len(self._line)

    @property
    def queue_wait_s(self) -> float:
        return self._admission.wait_s([*self._slots.stepping, *self._slots.reading], self._line.waiting_s)

    @property
    def num_in_flight(self) -> int:
        return len(self._slots)

    @property
    def known_tokens(self) -> int:
        return self._slots.known_tokens

    @property
    def slower(self) -> float:
        """The factor by which passes take longer of late than was measured."""
        return self._cost.slower

    def admit(self, deadline: float, priority: int = 0, caller: Hashable = "", likes: Likes = ()) -> Turn:
        """Let a request in if the model can compute, and answers to prompts like these would be in time if alone."""
        self._require_ready()
        self._admission.require_possible(likes, deadline - self._loop.time(), self._unfinished())
        return Turn(deadline, priority, caller)

    async def generate(self, prompt: Prompt, terms: Turn, enough: Callable[[], bool]) -> AsyncGenerator[Progress, None]:
        """Tokens of the answer to one prompt, as they come; the last progress has the reason why it is over.

        Raises Overloaded, DeadlineExceeded, ModelNotReady and InferenceFailed, before the first token or later. The
        answer ends when this is closed, within one pass; `enough` then says whether it had all that was wanted.
        """
        [writing] = request = await self._submit([prompt], terms)
        try:
            while True:
                progress = await writing.progress()
                yield progress
                if progress.finish:
                    return
        finally:
            if not writing.is_over and enough():  # by its text, of which only the caller knows
                writing.finish = "stop"
            self._retire(request)

    async def write(self, prompts: Sequence[Prompt], terms: Turn) -> AsyncGenerator[Progress, None]:
        """All tokens of the answer to each prompt, in their order: each as soon as it and all before it are whole.

        Raises what `generate` raises; that there is no time for all of them, before any waits. The first that fails
        ends the others, and so does closing this.
        """
        request = await self._submit(prompts, terms)
        try:
            for writing in request:
                yield await writing.whole()
        finally:
            self._retire(request)

    def _require_ready(self) -> None:
        if not self._lane.is_ready:
            raise ModelNotReady("the model hangs" if self._lane.is_alive else "the model is being restarted")

    async def _submit(self, prompts: Sequence[Prompt], terms: Turn) -> Sequence[Writing]:
        """Let all wait, or none."""
        request = await self._admission.request(prompts, terms, self.share_of(terms.caller, terms.priority))
        self._require_ready()
        if not request:
            return request
        left_s, before = terms.deadline - self._loop.time(), self._line.before(request)
        self._admission.require_time(request, left_s, self._unfinished(), before)
        for writing in request:
            writing.request = request
            self._line.push(writing)
        self._deadlines.add(id(request), terms.deadline, lambda: request[0].fail(too_late()))
        self._arrived.set()
        return request

    def _retire(self, request: Sequence[Writing]) -> None:
        """Nobody waits for it any more."""
        self._deadlines.discard(id(request))
        for writing in request:
            if not writing.is_over:
                writing.is_abandoned = True
                self._observer.ended(writing.phase, "abandoned")
            elif writing.error is not None:
                self._observer.ended(writing.phase, type(writing.error).__name__)
            writing.request = ()  # no circle
            self._line.discard(writing)

    def _begin_what_fits(self) -> None:
        while (writing := self._line.first()) is not None:
            has_place = self._slots.num_rows + writing.num_rows <= self._most_rows
            if not has_place or not self._slots.has_room(writing) or self._slots.promised(writing):
                return
            self._line.begins(writing)
            self._slots.admit(writing)
            if not writing.begun:
                writing.begun = perf_counter()
                self._observer.began(writing.cached, writing.begun - writing.submitted)

    def _leave(self, writing: Writing) -> None:
        """An answer in flight is over."""
        self._slots.release(writing)
        self._line.ends(writing)
        if writing.finish:
            self._admission.learn(writing)

    def _unfinished(self) -> Iterator[Writing]:
        """All that wait, or have begun."""
        return chain(self._slots.stepping, self._slots.reading, self._line)

    async def _serve(self) -> None:
        while True:
            await self._arrived.wait()
            for writing in chain(self._slots.stepping, self._slots.reading):
                if writing.is_over:
                    self._leave(writing)
            self._begin_what_fits()
            one = next_pass(self._slots, self._cost)
            if one is None:
                self._arrived.clear()
            else:
                await self._run(one)

    async def _run(self, one: Pass) -> None:
        expected_s = seconds_of(one, self._cost)
        try:
            [outcome] = await self._lane.run([one], self._cost.slower * expected_s)
        except Interrupted:
            self._suspect(one, DeadlineExceeded("the model takes too long on this prompt, and was stopped"))
        except WorkerDied as error:
            await self._lane.revive(error)
            self._read_again(one, error)
        except Exception as error:  # whatever is raised must not end the loop; what lies in the slots is unknown
            self._read_again(one, error)
        else:
            self._cost.learn(expected_s, outcome.step_s + outcome.read_s)
            await self._take(one, outcome)

    async def _take(self, one: Pass, outcome: Outcome) -> None:
        stepping = one.stepping
        results: list[tuple[Writing, Next]] = list(zip(stepping, outcome.stepped, strict=True))
        if stepping:
            self._observer.stepped(len(stepping), len(one.rows), outcome.step_s)
        for writing in stepping:
            writing.known = len(writing.ids)
            writing.taken_s += outcome.step_s * writing.num_rows / len(one.rows)
        if one.reading is not None:
            one.reading.taken_s += outcome.read_s
            if outcome.read is not None:
                results.append((one.reading, outcome.read))
            if not isinstance(outcome.read, ServiceError):
                one.reading.known += one.chunk
                self._observer.read(one.chunk)
            if isinstance(outcome.read, Token | Branch):
                self._slots.begin_stepping(one.reading)
        for writing, fault in zip(one.beginning, outcome.begun, strict=True):
            writing.taken_s += outcome.read_s / len(one.beginning)
            self._observer.read(writing.unread)
            if fault is not None:
                writing.fail(fault)
            else:
                self._slots.begin_stepping(writing)
        for writing, found in results:
            self._give(writing, found)
        if any(isinstance(found, ServiceError) for found in (*outcome.begun, *outcome.stepped, outcome.read)):
            await self._lane.failed()
        else:
            self._lane.succeeded()

    def _give(self, writing: Writing, found: Next) -> None:
        if isinstance(found, ServiceError):
            writing.fail(found)
            return
        if isinstance(found, Branch) and not (found.answer or writing.is_over):
            self._slots.branch(writing, found.parents)
        if writing.add(found):
            self._observer.first_token(writing.first - writing.submitted)

    def _suspect(self, one: Pass, error: ServiceError) -> None:
        for writing in one.answers:
            writing.suspect(error)

    def _read_again(self, one: Pass, error: Exception) -> None:
        """Nothing is known any more: all answers in flight wait again, with the tokens that they have."""
        self._suspect(one, failure_of(error, "prompt"))
        for writing in self._slots.clear():
            self._line.ends(writing)
            if not writing.is_over:
                self._line.push(writing)

    def _relieve(self) -> None:
        if self._lane.is_stuck:
            self._lane.relieve()

    def _fail_all(self, error: ServiceError) -> None:
        for writing in chain(self._slots.stepping, self._slots.reading):
            writing.fail(error)
        while (waiting := self._line.first()) is not None:
            waiting.fail(error)
