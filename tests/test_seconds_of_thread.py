from threading import Thread

from app.seconds_of_thread import add_used_s, used_s


def test_what_a_process_used_counts_for_the_thread_that_waited_and_for_no_other() -> None:
    others: list[float] = []
    before = used_s()

    add_used_s(100.0)
    add_used_s(50.0)
    other = Thread(target=lambda: others.append(used_s()))
    other.start()
    other.join()

    assert used_s() - before >= 150.0
    assert others[0] < 100.0
