"""Tables: trees by gradient boosting beside a linear model, and the better of the two on the validation split."""

import warnings
from collections.abc import Mapping

import numpy as np
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

BOOSTING, LINEAR = "gradient boosting", "linear model"
LEAST_STOPPED = 500  # rows to learn from; of fewer, none is spared to tell when to stop
FEW_STEPS, MOST_STEPS = 100, 500  # trees for each class: without such rows, and at most
LEAVES, STEP = 8, 0.05  # of a tree, and what of it counts: on tables of some hundred rows larger ones were worse


def learn(table: SplitTable, seed: int) -> dict[str, Pipeline]:
    """Each kind of model, fitted on the rows of the training split."""
    fields, truth = table.part("train")
    steps = {"random_state": seed, "max_leaf_nodes": LEAVES, "learning_rate": STEP, "max_iter": FEW_STEPS}
    if len(truth) >= LEAST_STOPPED:
        steps |= {"max_iter": MOST_STEPS, "early_stopping": True}
    if table.labels:
        models = {BOOSTING: HistGradientBoostingClassifier(**steps), LINEAR: LogisticRegression(max_iter=1000)}
    else:
        models = {BOOSTING: HistGradientBoostingRegressor(**steps), LINEAR: Ridge()}
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


def best(models: Mapping[str, Pipeline], table: SplitTable) -> tuple[str, dict[str, float]]:
    """The name of the model with the least mean loss on the validation split, and the loss of each there."""
    _, truth = table.part("validation")
    found = {name: float(losses(told(model, table, "validation"), truth).mean()) for name, model in models.items()}
    return min(found, key=lambda name: found[name]), found
