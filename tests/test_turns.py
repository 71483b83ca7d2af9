import sys

import pytest

from app.turns import HURRIED_S, USUAL_S, shorter_turns


def test_turns_are_short_until_nobody_hurries_any_more() -> None:
    def is_short() -> bool:
        return sys.getswitchinterval() == pytest.approx(HURRIED_S)

    with shorter_turns():
        with shorter_turns():
            assert is_short()
        assert is_short()
    assert sys.getswitchinterval() == pytest.approx(USUAL_S)
