"""The rows that are being prepared, as those see it who come after them."""

import pytest

from app.serving.coming import Coming


def test_new_rows_are_behind_those_of_their_caller_that_are_as_many():
    coming = Coming()
    with coming.rows("a", 3.0, 0.0), coming.rows("a", 5.0, 0.0), coming.rows("b", 7.0, 0.0):
        assert coming.before("a", 10.0, 0.0) == 8.0
        assert coming.before("a", 4.0, 0.0) == 7.0  # one second of the five has its turn later
        assert coming.before("a", 0.0, 0.0) == 0.0
        assert coming.before("c", 10.0, 0.0) == 0.0


def test_what_goes_first_is_behind_nothing_that_goes_later():
    coming = Coming()
    with coming.rows("a", 3.0, 2.0):
        assert coming.before("a", 1.0, -1.0) == 0.0
        assert coming.before("a", 1.0, 2.0) == 1.0
    with coming.rows("a", 3.0, -1.0):
        assert coming.before("a", 1.0, 0.0) == 2.0


def test_rows_that_wait_or_are_given_up_are_no_longer_coming():
    coming = Coming()
    with pytest.raises(ValueError, match="no photo"), coming.rows("a", 3.0, 0.0):
        raise ValueError("no photo")
    assert coming.before("a", 9.0, 0.0) == 0.0
