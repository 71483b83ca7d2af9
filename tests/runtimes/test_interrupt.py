import threading

import numpy as np
import pytest
from graphs import counting

from app.runtimes.interrupt import Interrupt, Interrupted, interruptible
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions


def test_a_graph_that_loops_for_ever_ends_when_another_thread_says_so(tmp_path):
    session = load_onnx(counting(tmp_path / "counting.onnx"), RuntimeOptions(device="cpu"))
    interrupt, raised = Interrupt(), []

    def run() -> None:
        with interrupt.here(), pytest.raises(Interrupted) as error:
            session.run({"x": np.array([[1e12]], np.float32)})
        raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while not interrupt.is_heard:
        thread.join(0.01)
    interrupt.set()
    thread.join(10)
    assert raised
    np.testing.assert_array_equal(session.run({"x": np.array([[2]], np.float32)})["y"], [[2]])


def test_what_begins_after_the_interrupt_is_ended_too(tmp_path):
    session = load_onnx(counting(tmp_path / "counting.onnx"), RuntimeOptions(device="cpu"))
    interrupt = Interrupt()
    interrupt.set()
    with interrupt.here(), pytest.raises(Interrupted):
        session.run({"x": np.array([[1e12]], np.float32)})


def test_what_fails_by_itself_is_no_interruption():
    with Interrupt().here(), pytest.raises(ZeroDivisionError), interruptible(lambda: None):
        raise ZeroDivisionError


def test_a_thread_that_nobody_can_interrupt_runs_as_ever():
    with interruptible(lambda: None):
        pass
