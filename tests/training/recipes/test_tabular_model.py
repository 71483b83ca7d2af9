"""The recipe of tables, from a CSV file to a version that answers over HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from published import opened
from starlette.testclient import TestClient
from table_models import serving

from app.repository.manifest import Manifest
from app.repository.repository import ModelRepository
from training.__main__ import main

ROWS = 600


def churn(random: np.random.Generator) -> pd.DataFrame:
    plan = random.choice(["monthly", "yearly", ""], ROWS, p=[0.6, 0.3, 0.1])
    months, charge = random.integers(1, 72, ROWS), random.normal(60, 20, ROWS).round(2)
    chance = 1 / (1 + np.exp(-(2 * (plan == "monthly") - 0.08 * months + 0.03 * charge - 0.5)))
    return pd.DataFrame(
        {
            "customer": [f"C{i}" for i in range(ROWS)],
            "months": np.where(random.random(ROWS) < 0.05, "", months.astype(str)),
            "plan": plan,
            "charge": charge,
            "left": np.where(random.random(ROWS) < chance, "yes", "no"),
            "cost": (12 * charge + 100 * (plan == "monthly") + random.normal(0, 20, ROWS)).round(2),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    table = churn(np.random.default_rng(0))
    table.drop(columns="cost").to_csv(folder / "churn.csv", index=False)
    table.drop(columns="left").to_csv(folder / "cost.csv", index=False)
    table.assign(left=np.random.default_rng(1).choice(["yes", "no"], ROWS)).drop(columns="cost").to_csv(
        folder / "chance.csv", index=False
    )
    return folder


Train = Callable[..., int]


@pytest.fixture(scope="module")
def train(folder: Path) -> Train:
    def train(*options: str) -> int:
        return main(["tabular-model", "--models", str(folder / "models"), "--workdir", str(folder / "work"), *options])

    return train


@pytest.fixture(scope="module")
def client(folder: Path, train: Train) -> Any:
    for name, target in (("churn", "left"), ("cost", "cost")):
        assert train("--name", name, "--source", str(folder / f"{name}.csv"), "--target", target) == 0
    with serving(folder / "models", max_items=64) as client:
        yield client


ROW = {"months": 3, "plan": "monthly", "charge": 90.0}


def test_test_rows_make_the_reference_for_drift_which_the_card_shows(client: TestClient, folder: Path) -> None:
    version = folder / "models" / "churn" / "1"
    reference = Manifest.model_validate_json((version / "manifest.json").read_bytes()).reference
    assert reference is not None
    assert set(reference.measures) == {"column months", "column plan", "column charge", "missing"} | {
        "label", "score", "margin", "entropy",
    }  # fmt: skip
    assert reference.measures["column plan"].counts[0] > 40  # monthly; empty is a category, too
    assert "| column plan | monthly (" in (version / "card.md").read_text(encoding="utf-8")
    told = client.get("/v1/models/churn").json()["drift"]
    assert {one["state"] for one in told["measures"]} == {"too few answers"}


def manifest(folder: Path, name: str) -> Manifest:
    return ModelRepository(folder / "models").read(name, 1)


def test_a_table_of_ones_own_becomes_a_classifier_that_answers(client: TestClient, folder: Path) -> None:
    assert manifest(folder, "churn").task == "tabular-classification"
    rows = [ROW, {**ROW, "months": 70, "plan": "yearly", "charge": 20.0}, {**ROW, "months": None, "plan": None}]
    reply = client.post("/v1/models/churn/predict", json={"inputs": rows})
    assert reply.status_code == 200, reply.text
    leaves, stays, _ = (labels[0]["label"] for labels in reply.json()["outputs"])
    assert (leaves, stays) == ("yes", "no")
    refused = client.post("/v1/models/churn/predict", json={"inputs": [{**ROW, "plan": "mothly"}]})
    assert 'did you mean "monthly"?' in refused.json()["error"]


def test_a_column_of_numbers_becomes_a_number_with_its_interval(client: TestClient, folder: Path) -> None:
    assert manifest(folder, "cost").task == "tabular-regression"
    (told,) = client.post("/v1/models/cost/predict", json={"inputs": [ROW]}).json()["outputs"]
    assert told["value"] == pytest.approx(12 * 90 + 100, abs=60)
    assert told["interval"]["low"] < told["value"] < told["interval"]["high"]
    coverage = next(one.value for one in manifest(folder, "cost").metrics if one.name == "interval_coverage")
    assert coverage == pytest.approx(0.9, abs=0.08)


def test_reasons_name_what_the_table_hangs_on(client: TestClient) -> None:
    (reasons,) = client.post("/v1/models/cost/explain", json={"inputs": [{**ROW, "charge": 120.0}]}).json()["outputs"]
    assert reasons["columns"][0]["column"] == "charge"
    assert reasons["columns"][0]["weight"] > 400


def test_a_row_in_company_is_answered_as_alone(client: TestClient) -> None:
    rows = [{**ROW, "charge": charge, "months": months} for charge in (-1e6, 0, 55.5, 1e6) for months in (None, 1, 99)]
    alone = [client.post("/v1/models/churn/predict", json={"inputs": [row]}).json()["outputs"][0] for row in rows]
    together = client.post("/v1/models/churn/predict", json={"inputs": rows}).json()["outputs"]
    for one, other in zip(alone, together, strict=True):
        assert [label["score"] for label in one] == pytest.approx([label["score"] for label in other], abs=1e-6)


def test_the_card_says_what_it_hangs_on_and_shows_nobodys_row(client: TestClient, folder: Path) -> None:
    card = (folder / "models" / "churn" / "1" / "card.md").read_text(encoding="utf-8")
    for part in ("What the answers hang on", "| plan | category | yes | monthly, yearly |", "scikit-learn by at most"):
        assert part in card
    assert "Column 'customer' is not read" in card
    golden = [example.input for example in manifest(folder, "churn").golden]
    table = pd.read_csv(folder / "churn.csv", dtype=str, keep_default_na=False)
    known = set(zip(table.months, table.plan, table.charge, strict=True))
    assert not known & {(str(row["months"]), str(row["plan"]), str(row["charge"])) for row in golden}


def test_the_version_says_how_to_make_it_again(client: TestClient, folder: Path) -> None:
    command = "python -m training tabular-model --seed 0 --source churn.csv --target left --name churn"
    assert manifest(folder, "churn").provenance is not None
    assert manifest(folder, "churn").provenance.command == command  # type: ignore[union-attr]


def test_the_packaged_data_is_learned_better_than_it_must_be(train: Train, folder: Path) -> None:
    assert train() == 0
    found = opened(folder / "models", "tabular-model")
    assert found is not None
    metrics = {metric.name: metric.value for metric in manifest(folder, "tabular-model").metrics}
    assert metrics["accuracy"] >= 0.93


def test_what_is_no_better_than_the_share_of_each_class_is_not_published(
    train: Train, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--name", "chance", "--source", str(folder / "chance.csv"), "--target", "left") == 1
    assert "chance is not published: log_loss is" in capsys.readouterr().err
    assert not (folder / "models" / "chance").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--source", "churn.csv"], "--source needs --target"),
        (["--source", "churn.csv", "--target", "leftt"], 'did you mean "left"?'),
        (["--source", "nothing.csv", "--target", "left"], "neither a folder nor the id"),
    ],
)
def test_what_is_asked_wrongly_is_refused_in_a_sentence_and_nothing_is_published(
    train: Train,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(folder)
    assert train("--name", "wrong", *options) == 1
    said = capsys.readouterr().err.splitlines()
    assert words in said[-1]
    assert not (folder / "models" / "wrong").exists()


def test_other_recipes_take_no_target(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fashion-gan", "--models", str(folder / "other"), "--target", "left"]) == 1
    assert "fashion-gan takes no --target" in capsys.readouterr().err


def test_a_search_tries_settings_on_the_validation_and_the_card_shows_them(
    train: Train, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--source", str(folder / "churn.csv"), "--target", "left", "--set", "trees=20"]
    assert train("--name", "searched", *given, "--search", "3") == 0
    said = capsys.readouterr()
    assert "trial 2: loss of the better model on the validation" in said.err
    assert said.out.count("/v1/models/searched/predict") == 1
    assert "## Settings that were tried" in (folder / "models" / "searched" / "1" / "card.md").read_text(
        encoding="utf-8"
    )
