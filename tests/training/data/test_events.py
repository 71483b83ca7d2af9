import pytest

from training.data import events
from training.data.events import judged


def test_of_many_people_the_same_few_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_JUDGED", 5)
    assert list(judged(5)) == [0, 1, 2, 3, 4]
    few = judged(100)
    assert (len(set(few)), list(few)) == (5, sorted(judged(100)))
    assert max(few) > 5
