import pytest

from app.repository.golden import difference


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ([{"label": "a", "score": 0.5}], [{"label": "a", "score": 0.509}]),
        (1, 1.0),
        ("a", "a"),
        (None, None),
        ({}, {}),
    ],
)
def test_equal_within_the_tolerance(expected, actual):
    assert difference(expected, actual, 0.01) is None


@pytest.mark.parametrize(
    ("expected", "actual", "where"),
    [
        ([{"label": "a", "score": 0.5}], [{"label": "a", "score": 0.52}], "output.0.score is 0.52"),
        ([{"label": "a"}], [{"label": "b"}], "output.0.label is 'b'"),
        ([1, 2], [1], "output is [1]"),
        ({"a": 1}, {"a": 1, "b": 2}, "output is"),
        (0.0, float("nan"), "output is nan"),
        (1, True, "output is True"),
        (True, 1, "output is 1"),
        (1.0, "1.0", "output is '1.0'"),
        (None, 0, "output is 0"),
    ],
)
def test_the_first_difference_is_named(expected, actual, where):
    found = difference(expected, actual, 0.01)
    assert found is not None
    assert where in found
