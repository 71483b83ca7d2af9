"""Runs over files, with whoever answers replaced: by one who is late, refuses, or is not ready, as it is wished."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.errors import DeadlineExceeded, ModelNotReady, Overloaded
from app.jobs.asking import LineResult
from app.jobs.journal import Journal
from app.jobs.records import JobFailed
from app.jobs.runner import Runner


class Upper:
    """Answers a line with its capitals, the later ones of some sooner; `wish` may raise before it does."""

    def __init__(self, most_together=1, wish=lambda line: None):
        self.most_together = most_together
        self._wish = wish
        self.asked = 0

    async def answer(self, lines):
        for line in lines:
            self._wish(line.content.decode())
        self.asked += len(lines)
        await asyncio.sleep(0.001 * (10 - lines[0].number % 10))
        return [LineResult(line.content.upper() + b"\n", b"bad" in line.content) for line in lines]

    def refused(self, line, error):
        return LineResult(b"%b: %b\n" % (line.content, type(error).__name__.encode()), True)


class WatchFor:
    """Ends a run once `end_after` lines are done."""

    def __init__(self, end_after=None):
        self._end_after = end_after
        self.done = 0
        self.reasons = []

    def end(self):
        return None if self._end_after is None or self.done < self._end_after else "cancelled"

    def require_allowed(self):
        pass

    def waits(self, reason):
        self.reasons.append(reason)

    def counts(self, completed, failed):
        self.done += completed + failed

    async def store(self, function):
        function()


@pytest.fixture
def run(tmp_path):
    def run(lines, answerer, watch=None, has_error_file=False, **more):
        (tmp_path / "lines").write_text("".join(f"{line}\n" for line in lines))
        journal = Journal(tmp_path / "out", tmp_path / "errors" if has_error_file else None, tmp_path / "journal")
        with ThreadPoolExecutor(1) as threads:
            runner = Runner(
                tmp_path / "lines", journal, answerer, watch or WatchFor(), threads,
                most_line_bytes=100, has_error_file=has_error_file, **more,
            )  # fmt: skip

            async def within() -> str:
                return await asyncio.wait_for(runner.run(), 30)

            return asyncio.run(within())

    run.results = lambda name="out": (tmp_path / name).read_text().split()
    return run


@pytest.mark.parametrize("most_together", [1, 7, 64])
def test_results_have_the_order_of_the_lines(run, most_together):
    lines = [f"line{i}" for i in range(300)]
    assert run(lines, Upper(most_together)) == "completed"
    assert run.results() == [line.upper() for line in lines]


def test_errors_may_have_a_file_of_their_own(run):
    assert run(["a", "bad1", "", "b", "bad2"], Upper(), has_error_file=True) == "completed"
    assert (run.results(), run.results("errors")) == (["A", "B"], ["BAD1", "BAD2"])


def test_a_run_that_was_cut_goes_on_where_it_was_and_asks_nothing_twice_that_counts(run):
    lines = [f"line{i}" for i in range(2000)]
    first = Upper()
    assert run(lines, first, WatchFor(end_after=1)) == "cancelled"
    done = run.results()
    assert 0 < len(done) < 2000
    second = Upper()
    assert run(lines, second) == "completed"
    assert run.results() == [line.upper() for line in lines]
    assert second.asked == 2000 - len(done)


def test_a_run_that_is_cancelled_while_it_writes_puts_nothing_there_twice(run):
    class Slow(WatchFor):
        async def store(self, function):
            if function.__name__ == "open":
                return function()
            task = asyncio.current_task()
            if not self.done:
                self.done = 1
                cancelled.cancel()
                await asyncio.sleep(0)
            assert task is not cancelled
            function()

    class CancelsItself(Upper):
        async def answer(self, lines):
            nonlocal cancelled
            cancelled = next(one for one in asyncio.all_tasks() if one.get_coro().__name__ == "run")
            return await super().answer(lines)

    cancelled: asyncio.Task[object]
    lines = [f"line{i}" for i in range(2000)]
    with pytest.raises(asyncio.CancelledError):
        run(lines, CancelsItself(), Slow())
    assert 0 < len(run.results()) < 2000
    run(lines, Upper())
    assert run.results() == [line.upper() for line in lines]


def test_who_has_no_time_is_asked_again(run):
    refusals = iter([Overloaded("busy", 0.01), DeadlineExceeded("late"), ModelNotReady("loading")])

    def wish(line):
        if line == "b" and (error := next(refusals, None)):
            raise error

    watch = WatchFor()
    assert run(["a", "b", "c"], Upper(wish=wish), watch) == "completed"
    assert run.results() == ["A", "B", "C"]
    assert watch.reasons == ["loading", ""]


def test_an_answer_that_is_always_late_is_an_error_of_its_line_alone(run):
    def wish(line):
        if line == "slow":
            raise DeadlineExceeded("late")

    assert run(["a", "slow", "c"], Upper(64, wish), WatchFor()) == "completed"
    assert run.results() == ["A", "slow:", "DeadlineExceeded", "C"]


def test_a_model_that_does_not_become_ready_fails_the_run_and_what_is_done_is_kept(run):
    def wish(line):
        if line == "c":
            raise ModelNotReady("the model is lost")

    with pytest.raises(JobFailed, match=r"waited 0 s for the model: the model is lost"):
        run(["a", "b", "c", "d"], Upper(wish=wish), patience_s=0.1)
    assert run.results() == ["A", "B"]


def test_a_run_that_is_to_end_does_not_wait_for_what_is_asked(run):
    class Never(Upper):
        async def answer(self, lines):
            if lines[0].number > 3:
                await asyncio.get_running_loop().create_future()
            return await super().answer(lines)

    assert run(["a", "b", "c", "d", "e"], Never(), WatchFor(end_after=0)) == "cancelled"
    assert run.results() == ["A", "B", "C"]
