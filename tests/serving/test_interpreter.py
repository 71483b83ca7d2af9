import sys
import threading

import pytest

from app.serving.interpreter import USUAL_S, WHILE_SHARED_S, shared


@pytest.fixture(autouse=True)
def as_it_was():
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def test_threads_are_asked_sooner_while_one_works_and_as_usual_when_the_last_has_ended():
    with shared():
        assert sys.getswitchinterval() == pytest.approx(WHILE_SHARED_S)
        with shared():
            assert sys.getswitchinterval() == pytest.approx(WHILE_SHARED_S)
        assert sys.getswitchinterval() == pytest.approx(WHILE_SHARED_S)
    assert sys.getswitchinterval() == pytest.approx(USUAL_S)


def test_many_threads_that_come_and_go_leave_it_as_usual():
    def work() -> None:
        for _ in range(200):
            with shared():
                assert sys.getswitchinterval() == pytest.approx(WHILE_SHARED_S)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sys.getswitchinterval() == pytest.approx(USUAL_S)
