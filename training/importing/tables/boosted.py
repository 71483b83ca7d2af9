"""Boosted trees in the files of XGBoost and LightGBM, which hold numbers and no code."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd

from app.tensors import Array
from training.errors import TrainingError, first_line
from training.graphs.tables import ANSWERS, named
from training.importing.tables.model import TableModel

OPSET = 15  # that onnxmltools writes at most


def open_xgboost(path: Path) -> TableModel:
    """Raises TrainingError if the file is no model of XGBoost, or one that tells neither classes nor a number."""
    import xgboost

    booster = xgboost.Booster()
    try:
        booster.load_model(path)
    except xgboost.core.XGBoostError as error:
        raise TrainingError(f"{path.name} is no model of XGBoost: {first_line(error)[:200]}") from error
    learner = json.loads(booster.save_config())["learner"]
    objective, num_classes = learner["objective"]["name"], int(learner["learner_model_param"]["num_class"])
    if "c" in (booster.feature_types or []):
        raise TrainingError(f"{path.name} reads categories of XGBoost's own, which cannot be converted; encode them")
    if objective == "multi:softmax":  # which would tell the class alone
        booster.set_param({"objective": "multi:softprob"})

    names = booster.feature_names or [f"f{i}" for i in range(booster.num_features())]
    booster.feature_names = booster.feature_types = None  # onnxmltools reads no others than f0, f1, …

    def told(rows: pd.DataFrame) -> Array:
        found = booster.predict(xgboost.DMatrix(rows.to_numpy(np.float32)))
        return _of_both(found, objective == "binary:logistic")

    num_labels = _num_labels(path, objective, num_classes, ("binary:logistic",), "multi:", "reg:", "count:poisson")
    return _boosted(f"trees of XGBoost {xgboost.__version__}", "XGBoost", names, num_labels, told, booster)


def open_lightgbm(path: Path) -> TableModel:
    """Raises TrainingError if the file is no model of LightGBM, or one that tells neither classes nor a number."""
    import lightgbm

    try:
        booster = lightgbm.Booster(model_file=path)
    except lightgbm.basic.LightGBMError as error:
        raise TrainingError(f"{path.name} is no model of LightGBM: {first_line(error)[:200]}") from error
    found = booster.dump_model()
    if '"decision_type": "=="' in json.dumps(found["tree_info"]):
        raise TrainingError(f"{path.name} reads categories of LightGBM's own, which cannot be converted; encode them")
    objective = str(found.get("objective", "")).partition(" ")[0]
    num_classes = int(found["num_class"])
    num_labels = _num_labels(path, objective, num_classes, ("binary",), "multiclass", "regression", "poisson")

    def told(rows: pd.DataFrame) -> Array:
        return _of_both(np.asarray(booster.predict(rows.to_numpy(np.float64))), objective == "binary")

    kind = f"trees of LightGBM {lightgbm.__version__}"
    return _boosted(kind, "LightGBM", booster.feature_name(), num_labels, told, booster)


def _num_labels(
    path: Path, objective: str, num_classes: int, binary: tuple[str, ...], several: str, *numbers: str
) -> int:
    """0 if a number is told. Raises TrainingError for what is told otherwise, such as a rank."""
    if objective in binary:
        return 2
    if objective.startswith(several):
        return num_classes
    if objective.startswith(numbers):
        return 0
    raise TrainingError(f"{path.name} was made for {objective or 'nothing stated'}, and tells no classes and no number")


def _of_both(told: Array, is_binary: bool) -> Array:
    """Probabilities of both classes, where a library tells that of the second."""
    wide = np.asarray(told, np.float64)
    return np.stack([1 - wide, wide], axis=1) if is_binary else wide


def _boosted(
    kind: str, library: str, names: Sequence[str], num_labels: int, told: Callable[[pd.DataFrame], Array], booster: Any
) -> TableModel:
    def graph() -> onnx.ModelProto:
        import onnxmltools
        from onnxmltools.convert.common.data_types import FloatTensorType

        convert = {"XGBoost": onnxmltools.convert_xgboost, "LightGBM": onnxmltools.convert_lightgbm}[library]
        options = {"zipmap": False} if library == "LightGBM" else {}
        types = [("numbers", FloatTensorType([None, len(names)]))]
        try:
            model = convert(booster, initial_types=types, target_opset=OPSET, **options)
        except (RuntimeError, ValueError, TypeError, KeyError, NotImplementedError) as error:
            raise TrainingError(f"onnxmltools cannot write this model as a graph: {first_line(error)}") from error
        return named(model, ["numbers"], ANSWERS[not num_labels])

    labels = [str(i) for i in range(num_labels)]
    return TableModel(kind, library, names, labels, told, graph)
