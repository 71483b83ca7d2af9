import numpy as np
import pytest

from training.measures.agreement import GraphAnswers, agreement
from training.recipes.imagenet_efficientnet import LITE2


def test_agreement_is_with_the_float_graph_of_the_same_size() -> None:
    sure, unsure = [0.9, 0.1], [0.4, 0.3]
    mine = GraphAnswers(
        fp32=np.array([sure, unsure], np.float32),
        served=np.array([[0.8, 0.2], [0.3, 0.4]], np.float32),
        plain=np.array([[0.1, 0.9], [0.3, 0.4]], np.float32),
    )
    other = GraphAnswers(*[np.array([sure, unsure[::-1]], np.float32)] * 3)
    best, gap, where_sure = agreement(mine, other, LITE2.title)
    assert (best.value, *best.baselines.values()) == (0.5, 0.0, 1.0)
    assert (gap.value, *gap.baselines.values()) == pytest.approx((0.1, 0.45, 0.0))
    assert (where_sure.value, *where_sure.baselines.values()) == (1.0, 0.0)
