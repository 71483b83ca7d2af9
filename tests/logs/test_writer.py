import json
import logging
import os
import shlex
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic, sleep

import pytest
from waiting import eventually

from app.logs.lines import FORMS, AccessRecord
from app.logs.writer import LAST_WORDS_S, MOST_LINES, LogWriter

REQUEST = AccessRecord(1_700_000_000.0, "abc-1", "GET", "/health/live", "", "", 200, 0.001, 0, 13, "")
MANY = 3 * MOST_LINES


def record(message):
    return logging.LogRecord("app.test", logging.INFO, __file__, 1, message, (), None)


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    for one in (reading, writing):
        with suppress(OSError):  # a test closed it
            os.close(one)


@pytest.fixture
def writer(pipe):
    writer = LogWriter(FORMS["text"](), pipe[1])
    yield writer
    with suppress(OSError):
        os.close(pipe[0])  # or the thread would wait for a reader for ever
    writer.close()


def test_lines_arrive_whole_and_in_order(pipe, writer):
    for i in range(50):
        writer.handle(record(f"line {i}"))
        writer.access(REQUEST)
    text = ""
    while text.count("\n") < 100:
        text += os.read(pipe[0], 65536).decode()
    said = text.splitlines()
    assert [line.split("app.test: ")[1] for line in said[::2]] == [f"line {i}" for i in range(50)]
    assert all("GET /health/live 200" in line for line in said[1::2])
    assert writer.dropped == 0


def test_lines_of_requests_that_come_one_after_another_are_written_together():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps together what is written at once

    def read():
        return [content.count(b"\n") for content in iter(lambda: theirs.recv(1_000_000), b"")]

    with theirs, ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        with ours:
            writer = LogWriter(FORMS["text"](), ours.fileno())
            end, asked = monotonic() + 0.5, 0
            while monotonic() < end:
                asked += 1
                writer.access(REQUEST)
                sleep(0.0001)  # as the event loop, which lets others work while it waits for sockets
            writer.close()
        written = reading.result(10)
    assert sum(written) == asked
    assert len(written) < asked / 10


def test_a_reader_that_stopped_keeps_nobody_waiting_and_what_is_dropped_is_counted(pipe, writer):
    started = monotonic()
    for _ in range(MANY):
        writer.access(REQUEST)
        writer.handle(record("x" * 100))
    assert monotonic() - started < 60  # nobody reads: who waited would wait for ever
    assert writer.dropped > MANY
    text = ""
    while "lines were dropped" not in text:  # and when it reads again, it is told
        text += os.read(pipe[0], 65536).decode()
    assert "stderr is not read as fast as they come" in text


def test_a_reader_that_is_gone_is_no_failure(pipe, writer):
    os.close(pipe[0])
    writer.handle(record("to nobody"))
    eventually(lambda: writer.dropped == 1)


def test_a_descriptor_that_does_not_block_loses_nothing(pipe, writer):
    os.set_blocking(pipe[1], False)
    for i in range(1000):
        writer.handle(record(f"{i} " + "x" * 200))
    text = ""
    while text.count("\n") < 1000:
        text += os.read(pipe[0], 4096).decode()
    assert [line.split(": ")[1].split()[0] for line in text.splitlines()] == [str(i) for i in range(1000)]


def test_the_last_words_are_written_before_the_end(pipe):
    writer = LogWriter(FORMS["text"](), pipe[1])
    writer.access(REQUEST)
    writer.handle(record("the last"))
    writer.close()
    assert os.read(pipe[0], 65536).decode().splitlines()[-1].endswith("the last")


def test_the_end_does_not_wait_for_a_reader_that_stopped(pipe):
    writer = LogWriter(FORMS["text"](), pipe[1])
    for _ in range(MOST_LINES):
        writer.access(REQUEST)
    started = monotonic()
    writer.close()
    assert monotonic() - started < LAST_WORDS_S + 20  # the reader never comes back
    os.close(pipe[0])
    writer.close()  # now it ends, before its descriptor is another test's


# What Python itself would print past the writer.
FAILURES = """
import threading, warnings, weakref
from app.logs.writer import start
start("json")
warnings.warn("take care")
def fail(): raise RuntimeError("in a thread")
thread = threading.Thread(target=fail); thread.start(); thread.join()
class Bad:
    def __del__(self): raise RuntimeError("while it was deleted")
Bad()
import logging
logging.getLogger("app").info("%d", "no number")
"""


def test_without_a_stderr_nothing_is_written_into_another_file(tmp_path):
    program = """
import logging, os, sys
while (other := os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)) < 2: pass
from app.logs.writer import start
start("text")
logging.getLogger("app").info("to whom?")
"""
    command = f"exec {shlex.quote(sys.executable)} -c {shlex.quote(program)} {tmp_path / 'other'} 2>&-"
    subprocess.run(["sh", "-c", command], check=True)
    assert (tmp_path / "other").read_bytes() == b""


def test_whatever_fails_or_warns_in_the_process_goes_through_it():
    said = subprocess.run([sys.executable, "-c", FAILURES], capture_output=True, text=True, check=True).stderr
    lines = [json.loads(line) for line in said.splitlines()]
    everything = " ".join(line["message"] + line.get("trace", "") for line in lines)
    for expected in ("take care", "in a thread", "while it was deleted", "with arguments that do not fit"):
        assert expected in everything
