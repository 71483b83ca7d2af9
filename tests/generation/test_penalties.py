import numpy as np
import pytest

from app.generation.penalties import penalise
from app.generation.prompt import Sampling


def penalised(logits: list[float], counts: dict[int, int], **sampling) -> list[float]:
    array = np.array(logits, np.float32)
    penalise(array, counts, Sampling(**sampling))
    return array.tolist()


@pytest.mark.parametrize(
    ("sampling", "after"),
    [
        pytest.param({"repetition_penalty": 2.0}, [1, 2, -8, 0], id="repetition: whatever the sign, less likely"),
        pytest.param({"repetition_penalty": 0.5}, [1, 8, -2, 0], id="repetition below 1: more likely"),
        pytest.param({"frequency_penalty": 0.5}, [1, 3.5, -5.5, -0.5], id="frequency: for each time"),
        pytest.param({"presence_penalty": 2.0}, [1, 2, -6, -2], id="presence: once"),
        pytest.param({"presence_penalty": -2.0, "frequency_penalty": -1.0}, [1, 7, 1, 3], id="negative: rewards"),
        pytest.param(
            {"repetition_penalty": 2.0, "frequency_penalty": 1.0, "presence_penalty": 1.0},
            [1, 0, -12, -2],
            id="repetition is first",
        ),
    ],
)
def test_only_what_was_generated_is_penalised(sampling, after) -> None:
    assert penalised([1, 4, -4, 0], {1: 1, 2: 3, 3: 1}, **sampling) == after


def test_what_is_impossible_stays_so_and_nothing_becomes_infinitely_likely() -> None:
    with np.errstate(over="ignore"):  # as a Chooser calls it
        after = penalised([-np.inf, 1e30, -1e30, 3e38], dict.fromkeys(range(4), 1), repetition_penalty=0.1)
    assert after == pytest.approx([-np.inf, 1e31, -1e29, np.finfo(np.float32).max])


def test_a_token_of_many_hundreds_is_found() -> None:
    counts = {id: id % 7 + 1 for id in range(0, 40_000, 13)}
    after = penalised([0.0] * 49_152, counts, frequency_penalty=2.0)
    assert after == [-2.0 * counts.get(id, 0) for id in range(49_152)]
