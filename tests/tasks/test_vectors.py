import numpy as np
import pytest

from app.errors import InferenceFailed
from app.tasks.vectors import finite, normalized


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39], ids=["nan", "inf", "too large for fp32"])
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_a_vector_that_holds_no_number_is_the_models_failure(value: float) -> None:
    with pytest.raises(InferenceFailed, match="holds no numbers"):
        finite(np.array([1.0, value]))


def test_a_vector_has_length_one_unless_it_is_zero() -> None:
    assert normalized(np.array([3.0, 4.0], np.float32)) == pytest.approx([0.6, 0.8])
    assert normalized(np.zeros(2, np.float32)).tolist() == [0, 0]
    assert finite(np.array([3, 4], np.float16)).dtype == np.float32
