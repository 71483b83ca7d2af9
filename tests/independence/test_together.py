import numpy as np
import pytest

from app.errors import InferenceFailed
from app.independence.together import Untried, alike, answers_alone, fault_together

ROWS = [{"x": np.array([float(i)])} for i in range(4)]


def doubled(rows):
    return [{"y": 2 * row["x"]} for row in rows]


def fault(answer, largest=4):
    return fault_together(answer, ROWS, answers_alone(doubled, ROWS), largest)


def test_rows_that_answer_as_they_do_alone_have_no_fault():
    assert fault(doubled) is None


def test_a_kernel_that_answers_by_the_place_is_found_out():
    by_place = fault(lambda rows: [{"y": 2 * row["x"] + place} for place, row in enumerate(rows)])
    assert by_place == "y of a row is another beside other rows, or in a batch of 2"


def test_a_kernel_that_fails_only_in_its_largest_batch_is_found_out():
    def answer(rows):
        if len(rows) == 7:
            raise RuntimeError("no room for seven")
        return doubled(rows)

    assert fault(answer, largest=6) is None
    assert fault(answer, largest=7) == "7 rows fail together: no room for seven"


def test_rows_that_fail_alone_show_nothing_unless_the_failure_is_ours():
    def refuse(error):
        def answer(rows):
            raise error

        return answer

    with pytest.raises(Untried, match="of another shape"):
        answers_alone(refuse(ValueError("of another shape")), ROWS)
    for error in (InferenceFailed("no answer for each row"), MemoryError()):
        with pytest.raises(type(error)):
            answers_alone(refuse(error), ROWS)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param([1000.0, 0.0], [1000.0, 0.9], True, id="rounding of the largest"),
        pytest.param([1000.0, 0.0], [1000.0, 1.5], False, id="more than that"),
        pytest.param([np.nan, np.inf], [np.nan, np.inf], True, id="no numbers, alike"),
        pytest.param([np.nan, 1.0], [0.0, 1.0], False, id="no number, and one"),
        pytest.param([1.0], [1.0, 1.0], False, id="another shape"),
        pytest.param(np.array([255], np.uint8), np.array([254], np.uint8), True, id="rounding of eight bits"),
        pytest.param(np.array([0], np.uint8), np.array([255], np.uint8), False, id="as far as eight bits go"),
        pytest.param(np.array([7]), np.array([8]), False, id="another integer"),
        pytest.param(np.array(["a"], np.object_), np.array(["b"], np.object_), False, id="another text"),
    ],
)
def test_answers_are_alike_but_for_rounding(one, other, expected):
    assert alike(one, other) is expected
