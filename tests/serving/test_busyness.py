import os
import time

import pytest

from app.serving.busyness import watch_others

HERTZ = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def stat(tmp_path):
    """Writes what a machine with four processors has done so far, in seconds."""

    def write(busy, idle):
        # user nice system idle iowait irq softirq steal guest guest_nice; what guests use is in user, too.
        columns = [busy * HERTZ, 0, 0, idle * HERTZ, 0, 0, 0, 0, busy * HERTZ, 0]
        (tmp_path / "stat").write_text(f"cpu  {' '.join(str(int(one)) for one in columns)}\ncpu0 1 2 3\n")
        return tmp_path / "stat"

    return write


@pytest.mark.parametrize(("busy", "share"), [(0, 0.0), (10, 0.25), (40, 1.0)])
def test_the_share_of_the_processors_that_others_used(stat, busy, share):
    others = watch_others(stat(busy=100, idle=100))
    stat(busy=100 + busy, idle=100 + 40 - busy)
    assert others() == pytest.approx(share, abs=0.05)  # less what this process used meanwhile


def test_what_this_process_uses_is_not_that_of_others(stat):
    others = watch_others(stat(busy=100, idle=100))
    own = time.process_time()
    while (used := time.process_time() - own) < 0.5:
        pass
    stat(busy=100 + used, idle=100)
    assert others() == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("content", [None, "", "cpu", "cpu a b c d e", "nonsense\n"])
def test_where_it_cannot_be_told_it_is_not(tmp_path, content):
    if content is not None:
        (tmp_path / "stat").write_text(content)
    assert watch_others(tmp_path / "stat")() is None


def test_this_machine_can_tell():
    others = watch_others()
    time.sleep(0.3)
    assert others() is None or 0 <= others() <= 1
