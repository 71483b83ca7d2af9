"""Measurements wait until nobody computes."""

import os
import threading

from app.serving.idle import wait_until_idle

HERTZ = os.sysconf("SC_CLK_TCK")


def written(path, busy_s, idle_s):
    path.write_text(f"cpu  {int(busy_s * HERTZ)} 0 0 {int(idle_s * HERTZ)} 0 0 0 0 0 0\n")


def test_it_waits_as_long_as_others_compute_or_something_is_made(tmp_path):
    stat, busy = tmp_path / "stat", [True]
    ticks = [100.0, 100.0]
    making = [True]

    def machine():
        while not over.wait(0.005):
            ticks[0 if busy[0] else 1] += 1
            written(tmp_path / "new", *ticks)
            os.replace(tmp_path / "new", stat)

    written(stat, *ticks)
    over = threading.Event()
    done = threading.Event()

    def wait():
        wait_until_idle(lambda: making[0], for_s=0.05, stat=stat)
        done.set()

    for work in (machine, wait):
        threading.Thread(target=work, daemon=True).start()
    try:
        assert not done.wait(0.3)
        making[0] = False
        assert not done.wait(0.3)  # others still compute
        busy[0] = False
        assert done.wait(10)
    finally:
        over.set()


def test_where_nobody_can_tell_nobody_is_waited_for(tmp_path):
    wait_until_idle(for_s=0.01, stat=tmp_path / "none")
