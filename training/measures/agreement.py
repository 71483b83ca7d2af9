"""The likeness of an 8-bit graph's answers to the float graph's."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.repository.manifest import Metric
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class GraphAnswers:
    """Of the graphs of one size to the test photos, fp32 [photos, classes] each."""

    fp32: Probabilities
    served: Probabilities
    plain: Probabilities


def probabilities(graph: Path, images: npt.NDArray[np.uint8]) -> Probabilities:
    session = load_onnx(graph, RuntimeOptions(device="cpu", threads=2))
    return np.concatenate([session.run({"image": image[np.newaxis]})["probabilities"] for image in images]).astype(
        np.float32
    )


def same_best(found: Probabilities, expected: Probabilities) -> npt.NDArray[np.bool_]:
    return np.asarray(found.argmax(1) == expected.argmax(1))


def agreement(mine: GraphAnswers, others: GraphAnswers, other: str) -> list[Metric]:
    """Compare the served graph's answers, and those of one with every layer in 8 bits, with the float graph's.

    `others` are the answers of the size that is called `other`.
    """

    def share(found: Probabilities, expected: Probabilities) -> float:
        return float(same_best(found, expected).mean())

    def gap(found: Probabilities, expected: Probabilities) -> float:
        return float(np.abs(found - expected).max(1).mean())

    every = f"test, {len(mine.fp32)} photos that neither calibrated this graph nor chose its layers"
    metrics = [
        Metric(
            name=name,
            value=measure(mine.served, mine.fp32),
            dataset="natural photos, central square",
            split=every,
            baselines={
                "every layer in int8": measure(mine.plain, mine.fp32),
                f"{other} in int8, of its own fp32": measure(others.served, others.fp32),
            },
        )
        for name, measure in (
            ("top1_agreement_with_fp32", share),
            ("mean_largest_difference_of_a_probability", gap),
        )
    ]
    is_sure = mine.fp32.max(1) > 0.5
    if is_sure.any():
        metrics.append(
            Metric(
                name="top1_agreement_with_fp32_where_sure",
                value=share(mine.served[is_sure], mine.fp32[is_sure]),
                dataset="natural photos, central square",
                split=f"those {is_sure.sum()} of them of which the float network is more than half sure",
                baselines={"every layer in int8": share(mine.plain[is_sure], mine.fp32[is_sure])},
            )
        )
    return metrics
