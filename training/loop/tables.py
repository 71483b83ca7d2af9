"""Tables: trees by gradient boosting beside a linear model, and the better of the two on the validation split."""

import warnings
from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from app.tensors import Array
from training.data.table import SplitTable
from training.measures.tables import losses
from training.recipe import Run
from training.settings import Between, Count, Penalty, Rate, TrainingSettings

BOOSTING, LINEAR = "gradient boosting", "linear model"
LEAST_STOPPED = 500  # rows to learn from; of fewer, none is spared to tell when to stop


class TableSettings(TrainingSettings):
    """`leaves`: of a tree; `learning_rate`: what of each counts; `trees` for each class, and `most_trees` where rows
    are spared to tell when to stop; `tree_penalty` and `linear_penalty`: how strongly both are held back.
    """

    # On tables of some hundred rows more leaves and a higher rate were worse.
    leaves: Annotated[int, Field(ge=2, le=10_000), Between(4, 64, in_log=True)] = 8
    learning_rate: Annotated[Rate, Between(0.02, 0.3, in_log=True)] = 0.05
    trees: Annotated[Count, Between(30, 400, in_log=True)] = 100
    most_trees: Count = 500
    tree_penalty: Annotated[Penalty, Between(0, 5)] = 0.0
    linear_penalty: Annotated[float, Field(gt=0, le=1e6), Between(0.01, 100, in_log=True)] = 1.0


SETTINGS = TableSettings()


def learn(table: SplitTable, run: Run) -> dict[str, Pipeline]:
    """Each kind of model, fitted on the rows of the training split."""
    settings, (fields, truth) = run.chosen(SETTINGS), table.part("train")
    is_stopped = len(truth) >= LEAST_STOPPED
    steps = {
        "random_state": run.seed,
        "max_leaf_nodes": settings.leaves,
        "learning_rate": settings.learning_rate,
        "max_iter": settings.most_trees if is_stopped else settings.trees,
        "early_stopping": is_stopped,
        "l2_regularization": settings.tree_penalty,
    }
    held = settings.linear_penalty
    if table.labels:
        models = {
            BOOSTING: HistGradientBoostingClassifier(**steps),
            LINEAR: LogisticRegression(C=1 / held, max_iter=1000),
        }
    else:
        models = {BOOSTING: HistGradientBoostingRegressor(**steps), LINEAR: Ridge(held)}
    pipelines = {name: make_pipeline(_read(table, scales=name == LINEAR), model) for name, model in models.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what it has come to is judged as it is
        for pipeline in pipelines.values():
            pipeline.fit(fields, truth)
    return pipelines


def _read(table: SplitTable, *, scales: bool) -> ColumnTransformer:
    """Numbers as they are, or filled and on one scale; a column of 0 and 1 for each category, 0 in all if unknown."""
    is_number = np.array([dtype == np.float32 for dtype in table.fields.dtypes])
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()) if scales else "passthrough"
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = [("numbers", numbers, is_number), ("categories", categories, ~is_number)]
    places = [(name, part, np.flatnonzero(chosen).tolist()) for name, part, chosen in parts if chosen.any()]
    return ColumnTransformer(places)


def told(model: Pipeline, table: SplitTable, split: str) -> Array:
    """Return what a model says of the rows of a split: probabilities [rows, labels], or numbers [rows]; fp64."""
    fields, _ = table.part(split)
    return np.asarray(model.predict_proba(fields) if table.labels else model.predict(fields), np.float64)


def without_columns(table: SplitTable, split: str) -> Array:
    """Return what is told of every row of a split alike: the share of each class, or the mean; of the training."""
    fields, truth = table.part("train")
    dummy = DummyClassifier(strategy="prior") if table.labels else DummyRegressor()
    return told(dummy.fit(fields, truth), table, split)


def validation_loss(table: SplitTable, run: Run) -> float:
    return min(best(learn(table, run), table)[1].values())


def best(models: Mapping[str, Pipeline], table: SplitTable) -> tuple[str, dict[str, float]]:
    """The name of the model with the least mean loss on the validation split, and the loss of each there."""
    _, truth = table.part("validation")
    found = {name: float(losses(told(model, table, "validation"), truth).mean()) for name, model in models.items()}
    return min(found, key=lambda name: found[name]), found
