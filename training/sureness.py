"""python -m training.sureness MODEL …: how sure the figures of a published version are, as a section for its card.

For versions whose card does not say it yet: they are asked again about the test split, beside what is quickly learned.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from app.repository.repository import ModelRepository
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.text_classification import TextClassification, TextClassificationKernel
from training.card.intervals import HEADING
from training.errors import TrainingError, progress
from training.measures.verdict import MAJORITY
from training.recipe import Run

Files = Mapping[str, Path]


def of_garments(files: Files, run: Run) -> str:
    from training.baselines.garments import garment_baselines
    from training.data.fashion_mnist import garments_for
    from training.recipes import fashion_mnist as recipe

    garments = garments_for(run)
    answers = recipe.probabilities(files["model.onnx"], garments.test)
    return recipe.sureness(answers, garment_baselines(garments, run), garments.test.classes)


def of_sentiment(files: Files, run: Run) -> str:
    from training.baselines import sentiment as baselines
    from training.card.sentiment import sureness
    from training.data.reading import CONFIG
    from training.data.sentiment_texts import load_texts
    from training.graphs.classifier import infer
    from training.recipes.sentiment import load_task

    texts, trained_task = load_texts(run), load_task(run)
    task = TextClassification(TextClassificationKernel(CONFIG, files))
    session = load_onnx(files["model.onnx"], RuntimeOptions(device="cpu"))
    asked = texts.test.text
    beside = {
        MAJORITY: baselines.majority_scores(texts.train, len(asked)),
        "VADER": baselines.vader_scores(asked),
        "TF-IDF + logistic regression": baselines.tfidf_scores(texts.train, asked),
        "frozen MiniLM + logistic regression": baselines.frozen_minilm_scores(trained_task, texts.train, asked),
    }
    return sureness(texts.test, infer(task, {"model": session}, asked), beside)


def of_forecasts(files: Files, run: Run) -> str:
    from training.card.forecasts import sureness
    from training.data.month_windows import MIDDLE, batch_of, prepare
    from training.data.monthly_series import load_monthly_series
    from training.data.origins import TEST_ORIGINS, questions

    asked = questions([one.values for one in load_monthly_series()], TEST_ORIGINS)
    session = load_onnx(files["model.onnx"], RuntimeOptions(device="cpu"))
    prepared = [prepare(question.known) for question in asked]
    scaled = session.run(batch_of(asked))["quantiles"].astype(np.float64)
    middle = [scale.restore(one) for one, (_, scale) in zip(scaled, prepared, strict=True)]
    return sureness(np.stack(middle)[..., MIDDLE], {}, asked)


MEASURED: dict[str, Callable[[Files, Run], str]] = {
    "fashion-mnist": of_garments,
    "reviews-sentiment": of_sentiment,
    "time-series-forecaster": of_forecasts,
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.sureness", description=__doc__)
    parser.add_argument("models", nargs="+", choices=MEASURED, metavar="model", help=", ".join(MEASURED))
    parser.add_argument("--models", dest="root", type=Path, default=Path("models"), help="the repository")
    parser.add_argument("--workdir", type=Path, default=Path("build/sureness"), help="where baselines are trained")
    parser.add_argument("--tiny", action="store_true", help="on a tiny slice of the data, for trying it out")
    chosen = parser.parse_args(arguments)
    repository = ModelRepository(chosen.root)
    for name in chosen.models:
        versions = repository.versions(name)
        if not versions:
            progress(f"error: {name} has no version in {chosen.root}")
            return 1
        workdir = chosen.workdir / name
        workdir.mkdir(parents=True, exist_ok=True)
        try:
            files = repository.verify(repository.read(name, max(versions)))
            found = MEASURED[name](files, Run(workdir, tiny=chosen.tiny))
        except TrainingError as error:
            progress(f"error: {error}")
            return 1
        print(f"{name}, version {max(versions)}\n\n## {HEADING}\n\n{found}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
