"""Models of scikit-learn, XGBoost and LightGBM, from their files to versions that answer as they did."""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from table_models import serving

from app.repository.manifest import Manifest
from app.repository.repository import ModelRepository
from training.__main__ import main
from training.errors import TrainingError
from training.importing.tables.convert import Found, convert
from training.importing.tables.publish import table_draft

RANDOM = np.random.default_rng(0)
ROWS = 300
FIELDS = pd.DataFrame(
    {
        "months": RANDOM.integers(0, 72, ROWS).astype(float),
        "charge": RANDOM.normal(60, 20, ROWS).round(2),
        "plan": pd.Series(RANDOM.choice(["monthly", "yearly"], ROWS), dtype=object),
    }
)
NUMBERS = FIELDS[["months", "charge"]]
LEAVES = np.where(FIELDS.charge - FIELDS.months + 20 * (FIELDS.plan == "monthly") > 30, "yes", "no")
COST = (FIELDS.charge * 12 - FIELDS.months).to_numpy()


def churn_pipeline() -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    kinds = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("kinds", kinds, ["plan"]), ("numbers", numbers, ["months", "charge"])])
    return make_pipeline(columns, LogisticRegression()).fit(FIELDS, LEAVES)


Import = Callable[..., int]


@pytest.fixture
def take(tmp_path: Path) -> Import:
    def take(path: Path, *options: str) -> int:
        places = ("--models", str(tmp_path / "models"), "--workdir", str(tmp_path / "work"))
        return main(["import", str(path), *places, *options])

    return take


def manifest(folder: Path, name: str) -> Manifest:
    return ModelRepository(folder / "models").read(name, 1)


def dumped(path: Path, model: object) -> Path:
    joblib.dump(model, path)
    return path


def test_a_pipeline_with_categories_answers_over_http_as_it_did(
    take: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = churn_pipeline()
    FIELDS.assign(left=LEAVES).to_csv(tmp_path / "rows.csv", index=False)
    path = dumped(tmp_path / "Churn_Model.joblib", pipeline)
    assert take(path, "--target", "left", "--example", str(tmp_path / "rows.csv")) == 0
    out, err = capsys.readouterr()
    assert "WARNING: to read Churn_Model.joblib runs the code that it holds" in err
    assert [line.partition(" ")[0] for line in out.splitlines()[1:]] == [
        "curl",
        "python",
        "http://127.0.0.1:8000/#/churn-model",
    ]
    found = manifest(tmp_path, "churn-model")
    assert found.task == "tabular-classification"
    kinds = {
        column["name"]: (column["kind"], column.get("may_be_missing", False)) for column in found.config["columns"]
    }
    assert kinds == {"months": ("number", True), "charge": ("number", True), "plan": ("category", False)}
    rows = [{"months": 3, "charge": 90.0, "plan": "monthly"}, {"months": None, "charge": 20.5, "plan": "yearly"}]
    with serving(tmp_path / "models") as client:
        reply = client.post("/v1/models/churn-model/predict", json={"inputs": rows})
        assert reply.status_code == 200, reply.text
        reasons = client.post("/v1/models/churn-model/explain", json={"inputs": rows})
    assert reasons.status_code == 200, reasons.text
    expected = pipeline.predict_proba(pd.DataFrame(rows))
    for labels, probabilities in zip(reply.json()["outputs"], expected, strict=True):
        scores = {one["label"]: one["score"] for one in labels}
        assert [scores["no"], scores["yes"]] == pytest.approx(probabilities.tolist(), abs=1e-5)


def turned(path: Path, rows: Path | None = None) -> Found:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return convert(path, path.parent, rows)


@pytest.mark.parametrize(
    ("model", "columns"),
    [
        (HistGradientBoostingClassifier(max_iter=20).fit(NUMBERS, LEAVES), {"months": True, "charge": True}),
        (RandomForestClassifier(10).fit(NUMBERS.to_numpy(), LEAVES), {"x0": False, "x1": False}),
    ],
    ids=["trees with names", "a forest without"],
)
def test_a_classifier_keeps_its_columns_and_labels_and_what_may_be_missing(
    tmp_path: Path, model: Any, columns: dict[str, bool]
) -> None:
    found = turned(dumped(tmp_path / "m.pkl", model))
    assert {column.name: column.may_be_missing for column in found.columns} == columns
    assert found.labels == ["no", "yes"]
    assert found.verification.batch_n < 1e-5


def test_a_regressor_tells_a_number_and_no_interval(take: Import, tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(NUMBERS, COST)
    assert take(dumped(tmp_path / "cost.joblib", model), "--target", "cost") == 0
    with serving(tmp_path / "models") as client:
        body = {"inputs": [{"months": 10, "charge": 50}]}
        (told,) = client.post("/v1/models/cost/predict", json=body).json()["outputs"]
        reasons = client.post("/v1/models/cost/explain", json=body)
    assert told == {"value": pytest.approx(590, abs=0.01), "interval": None}
    assert reasons.status_code == 422
    assert "does not know what is typical" in reasons.json()["error"]


def test_trees_of_xgboost_answer_as_they_did(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    xgboost.XGBClassifier(n_estimators=10).fit(NUMBERS, LEAVES == "yes").save_model(tmp_path / "two.ubj")
    xgboost.XGBRegressor(n_estimators=10).fit(NUMBERS, COST).save_model(tmp_path / "cost.json")
    two, cost = turned(tmp_path / "two.ubj"), turned(tmp_path / "cost.json")
    assert (two.labels, cost.labels) == (["0", "1"], [])
    assert [(column.name, column.may_be_missing) for column in cost.columns] == [("months", True), ("charge", True)]
    assert two.verification.batch_n < 1e-5
    assert cost.verification.batch_n < 1e-2


def test_trees_of_lightgbm_answer_as_they_did(tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    three = np.digitize(COST, [500, 900])
    lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(NUMBERS, three).booster_.save_model(tmp_path / "three.txt")
    found = turned(tmp_path / "three.txt")
    assert found.labels == ["0", "1", "2"]
    assert [column.name for column in found.columns] == ["months", "charge"]
    assert found.verification.batch_n < 1e-5


class Ends:
    """Ends the process that reads it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.exit, (7,)


def test_code_in_a_file_runs_in_a_process_of_its_own_and_nothing_is_published(
    take: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert take(dumped(tmp_path / "m.joblib", Ends())) == 1
    warning, error = capsys.readouterr().err.splitlines()
    assert warning.startswith("WARNING: to read m.joblib runs the code that it holds")
    assert error == "error: the process that read m.joblib ended with status 7"
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("m.joblib", b"no pickle", "m.joblib cannot be read"),
        ("m.joblib", {"a": 1}, "holds a dict, which is no classifier or regressor"),
        ("m.joblib", LogisticRegression(), "that was not fitted"),
        ("m.joblib", LinearSVC().fit(NUMBERS, LEAVES), "a LinearSVC gives no probabilities"),
        ("m.ubj", b"{}", "is no model of XGBoost"),
        ("m.txt", b"tree", "is no model of LightGBM"),
    ],
)
def test_what_cannot_be_converted_is_refused_in_a_sentence(tmp_path: Path, name: str, content: Any, words: str) -> None:
    if name.endswith((".ubj", ".txt")):
        pytest.importorskip({"m.ubj": "xgboost", "m.txt": "lightgbm"}[name])
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    else:
        joblib.dump(content, tmp_path / name)
    with pytest.raises(TrainingError, match=words) as refusal:
        turned(tmp_path / name)
    assert "\n" not in str(refusal.value)


def test_a_file_of_another_kind_is_refused_with_those_that_are_known(
    take: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.h5").write_bytes(b"")
    assert take(tmp_path / "m.h5") == 1
    assert "is no file that ends with .joblib, .pkl, .ubj, .json, .txt" in capsys.readouterr().err


def test_rows_that_the_model_does_not_read_are_refused_with_the_nearest_column(tmp_path: Path) -> None:
    FIELDS.rename(columns={"months": "month"}).to_csv(tmp_path / "rows.csv", index=False)
    path = dumped(tmp_path / "m.joblib", churn_pipeline())
    with pytest.raises(TrainingError, match="no column 'months', which the model reads; did you mean \"month\""):
        turned(path, tmp_path / "rows.csv")


def test_labels_are_as_many_as_classes(tmp_path: Path) -> None:
    path = dumped(tmp_path / "m.joblib", HistGradientBoostingClassifier(max_iter=2).fit(NUMBERS, LEAVES))
    found = turned(path)
    draft = table_draft(found, path, tmp_path / "model.onnx", "left", ["stays", "leaves"])
    assert draft.config["labels"] == ["stays", "leaves"]
    with pytest.raises(TrainingError, match=r"1 labels are given, and .* tells 2 classes"):
        table_draft(found, path, tmp_path / "model.onnx", "left", ["stays"])
