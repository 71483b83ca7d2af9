"""The quality of the Chinese sentiment model, by kinds of texts."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.repository.manifest import Metric
from training.data.chinese_reviews import KINDS
from training.data.chinese_texts import ChineseTexts
from training.data.reading import Scores
from training.measures.calibration import expected_calibration_error

LENGTHS = (20, 50, 100)  # characters


def quality(
    texts: ChineseTexts, found: Scores, uncalibrated: Scores, baselines: Mapping[str, npt.NDArray[np.bool_]]
) -> list[Metric]:
    """Accuracy beside the baselines', of all texts and of those known to be a whole review; and calibration."""
    test = texts.test
    truth, is_whole = test.label.to_numpy(), test.is_whole.to_numpy()
    right = found.argmax(1) == truth
    return [
        *(
            Metric(
                name=name,
                value=float(right[chosen].mean()),
                dataset=dataset,
                split=f"test, {chosen.sum():,} texts",
                baselines={baseline: float(answer[chosen].mean()) for baseline, answer in baselines.items()},
            )
            for name, dataset, chosen in (
                ("accuracy", "all texts", np.ones_like(is_whole)),
                ("accuracy_of_whole_reviews", "texts known to be a whole review", is_whole),
            )
            if not (texts.is_own and name == "accuracy_of_whole_reviews")
        ),
        Metric(
            name="expected_calibration_error",
            value=expected_calibration_error(found, truth),
            dataset="all texts",
            split=f"test, {len(test):,} texts, 15 bins",
            baselines={"without temperature": expected_calibration_error(uncalibrated, truth)},
        ),
    ]


def groups(test: pd.DataFrame) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    is_whole = test.is_whole.to_numpy()
    for kind in test.kind.unique():
        is_kind = (test.kind == kind).to_numpy()
        yield f"{kind}s" if kind in KINDS else kind, is_kind
        if not is_whole[is_kind].all():
            yield f"{kind}s, known to be whole", is_kind & is_whole
            yield f"{kind}s, whole or a part", is_kind & ~is_whole
    lengths = test.text.str.len().to_numpy()
    for low, high in zip((0, *LENGTHS), (*LENGTHS, None), strict=True):
        chosen = lengths > low if high is None else (lengths > low) & (lengths <= high)
        yield f"over {low} characters" if high is None else f"{low + 1} to {high} characters", chosen
