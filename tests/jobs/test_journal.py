import os
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from threading import Event

import pytest

from app.jobs.journal import RECORD, Counted, Journal, read_journal
from app.jobs.records import NoRoom


@pytest.fixture
def paths(tmp_path):
    return tmp_path / "output", tmp_path / "errors", tmp_path / "journal"


def commit(paths, *blocks):
    with closing(Journal(*paths)) as journal:
        journal.open()
        for output, errors, up_to, completed, failed in blocks:
            journal.commit(output, errors, up_to, completed, failed)
        journal.finish()
        return journal.counted


def test_what_was_put_there_is_found_again(paths):
    commit(paths, (b"one\n", b"", 1, 1, 0), (b"three\n", b"two\n", 3, 1, 1))
    assert read_journal(paths[2])[0] == Counted(3, 2, 1, 10, 4)
    assert (paths[0].read_bytes(), paths[1].read_bytes()) == (b"one\nthree\n", b"two\n")


def test_there_is_nothing_before_the_first_block(paths):
    assert read_journal(paths[2]) == (Counted(), 0)


@pytest.mark.parametrize("torn", [b"x", b"x" * (RECORD.size - 1), b"\0" * RECORD.size, b"x" * (2 * RECORD.size + 3)])
def test_results_behind_the_last_whole_block_are_written_over(paths, torn):
    commit(paths, (b"one\n", b"", 1, 1, 0))
    for path in paths[:2]:
        with path.open("ab") as file:
            file.write(b"half of a li")
    with paths[2].open("ab") as file:
        file.write(torn)
    assert read_journal(paths[2])[0].lines == 1
    commit(paths, (b"2\n", b"e\n", 3, 1, 1))
    assert (paths[0].read_bytes(), paths[1].read_bytes()) == (b"one\n2\n", b"e\n")
    assert read_journal(paths[2])[0] == Counted(3, 2, 1, 6, 2)


def test_a_block_that_finds_no_room_counts_for_nothing_and_can_be_tried_again(paths):
    commit(paths, (b"one\n", b"", 1, 1, 0))
    child = os.fork()
    if child == 0:  # the limit holds for a whole process
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        status = 1
        try:
            with closing(Journal(*paths)) as journal:
                journal.open()
                with pytest.raises(NoRoom, match="the results cannot be written: File too large"):
                    journal.commit(b"x" * 2000, b"", 2, 1, 0)
                assert journal.counted.lines == 1
                journal.commit(b"two\n", b"", 2, 1, 0)
                journal.finish()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert paths[0].read_bytes() == b"one\ntwo\n"


def test_files_are_closed_only_when_what_cuts_them_is_done(paths, monkeypatch):
    asked, goes_on = Event(), Event()
    monkeypatch.setattr(os, "fsync", lambda descriptor: asked.set() or goes_on.wait(5))
    with ThreadPoolExecutor(2) as threads:
        journal = Journal(*paths)
        journal.open()
        cutting = threads.submit(journal.finish)
        asked.wait(5)
        closing = threads.submit(journal.close)
        assert wait([closing], timeout=0.05).not_done
        goes_on.set()
        cutting.result()
