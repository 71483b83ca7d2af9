"""The accuracy of a classifier of garments, and how sure it is."""

from collections.abc import Mapping

from app.repository.manifest import Metric
from training.data.fashion_mnist import Classes, Scores
from training.measures.calibration import expected_calibration_error


def quality(
    answers: Scores, of_negatives: Scores, uncalibrated: Scores, truth: Classes, beside: Mapping[str, Scores]
) -> list[Metric]:
    """Metrics of `answers` to the test pictures, whose classes are `truth`, beside what baselines and negatives got."""
    split = f"test, {len(truth):,} pictures"
    return [
        Metric(
            name="accuracy",
            value=accuracy(answers, truth),
            dataset="Fashion-MNIST",
            split=split,
            baselines={name: accuracy(scores, truth) for name, scores in beside.items()},
        ),
        Metric(
            name="accuracy_of_negatives",
            value=accuracy(of_negatives, truth),
            dataset="Fashion-MNIST, dark on white",
            split=split,
        ),
        Metric(
            name="expected_calibration_error",
            value=expected_calibration_error(answers, truth),
            dataset="Fashion-MNIST",
            split=f"{split}, 15 bins",
            baselines={"without temperature": expected_calibration_error(uncalibrated, truth)},
        ),
    ]


def accuracy(scores: Scores, truth: Classes) -> float:
    return float((scores.argmax(1) == truth).mean())
