import pytest

from app.api.http.request_id import new_request_id, request_id_of


@pytest.mark.parametrize("given", ["a", "my-job.7:3_b", "x" * 128])
def test_a_request_keeps_the_id_that_it_came_with(given):
    assert request_id_of(given) == given


@pytest.mark.parametrize("given", ["", "x" * 129, "two words", "line\nbreak", "é", '"', "a;b"])
def test_what_cannot_be_repeated_in_a_header_and_a_log_is_replaced(given):
    found = request_id_of(given)
    assert len(found) == 32
    assert int(found, 16) >= 0


def test_new_ids_differ():
    assert len({new_request_id() for _ in range(1000)}) == 1000
