"""A forecaster behind the native route: what a series in JSON becomes, and what is said of one that cannot be used."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import onnx
import pytest
from conftest import ready
from engines import far_engine
from onnx import TensorProto, helper, numpy_helper
from starlette.testclient import TestClient

from app.api.app import create_app
from app.api.http.limits import Limits
from app.repository.publish import publish
from app.telemetry import Telemetry
from app.tensors import TensorSpec

HISTORY, HORIZON, QUANTILES = 24, 6, [0.1, 0.5, 0.9]
URL = "/v1/models/newest-again/predict"


def newest_again(path: Path) -> Path:
    """Says that the newest value comes again, give or take one unit of scale."""
    around = np.tile(np.array([-1, 0, 1], np.float32), (1, HORIZON, 1))
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["values", "newest"], ["last"], axis=1),
            helper.make_node("Unsqueeze", ["last", "axis"], ["last_3d"]),
            helper.make_node("Add", ["last_3d", "around"], ["quantiles"]),
        ],
        "newest-again",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", HISTORY]) for name in ("values", "is_known")],
        [helper.make_tensor_value_info("quantiles", TensorProto.FLOAT, ["batch", HORIZON, 3])],
        [
            numpy_helper.from_array(np.array([HISTORY - 1], np.int64), "newest"),
            numpy_helper.from_array(np.array([2], np.int64), "axis"),
            numpy_helper.from_array(around, "around"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("forecasts")
    publish(
        folder / "models",
        "newest-again",
        {"model.onnx": newest_again(folder / "model.onnx")},
        task="time-series-forecasting",
        licence="CC0-1.0",
        runtime="onnx",
        graphs={"model": "model.onnx"},
        inputs=tuple(TensorSpec(name=name, datatype="FP32", shape=(-1, HISTORY)) for name in ("values", "is_known")),
        outputs=(TensorSpec(name="quantiles", datatype="FP32", shape=(-1, HORIZON, 3)),),
        config={
            "season": 4, "min_history": 4, "max_history": HISTORY, "horizon": HORIZON, "quantiles": QUANTILES,
        },
    )  # fmt: skip
    telemetry = Telemetry()
    engine = far_engine(folder / "models", telemetry)
    app = create_app(engine, telemetry, Limits(max_body_bytes=1_000_000, max_items=64, request_timeout_s=10))
    with ready(app) as client:
        yield client


def post(client: TestClient, body: str) -> httpx.Response:
    return client.post(URL, content=body, headers={"Content-Type": "application/json"})


def test_a_series_may_be_given_bare(client: TestClient) -> None:
    bare, full = (post(client, f'{{"inputs": [{one}]}}') for one in ("[9, 11, 9, 11]", '{"values": [9, 11, 9, 11]}'))
    assert bare.status_code == 200, bare.text
    assert bare.json() == full.json()
    (output,) = bare.json()["outputs"]
    assert output["median"] == [11] * HORIZON
    assert output["quantiles"] == {"0.1": [10] * HORIZON, "0.5": [11] * HORIZON, "0.9": [12] * HORIZON}


def test_parameters_choose_steps_and_quantiles(client: TestClient) -> None:
    reply = post(client, '{"inputs": [[9, 11, 9, 11]], "parameters": {"horizon": 2, "quantiles": [0.9]}}')
    assert reply.json()["outputs"] == [{"median": [11, 11], "quantiles": {"0.9": [12, 12]}}]


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", "null", '"7"', "true", "[7]", "1" + "0" * 400])
def test_a_value_that_is_no_finite_number_is_refused_with_its_place(client: TestClient, value: str) -> None:
    reply = post(client, f'{{"inputs": [[1, 2, 3, 4], {{"values": [5, 6, 7, {value}, 8]}}]}}')
    assert reply.status_code == 422, reply.text
    (detail,) = reply.json()["details"]
    assert detail["loc"][-4:] == ["inputs", 1, "values", 3]
    assert detail["msg"]


def test_a_series_that_is_too_short_is_refused_with_its_place_and_the_others_are_not_blamed(client: TestClient) -> None:
    reply = post(client, '{"inputs": [[1, 2, 3, 4], [1, 2, 3]]}')
    assert reply.status_code == 422
    (detail,) = reply.json()["details"]
    assert detail == {
        "loc": ["inputs", 1, "values"],
        "msg": "has 3 values, and a forecast needs 4: one for each value",
    }


@pytest.mark.parametrize(
    ("name", "value"), [("horizon", HORIZON + 1), ("horizon", 0), ("quantiles", [0.25]), ("quantiles", [2])]
)
def test_a_fault_of_a_parameter_is_no_fault_of_an_item(client: TestClient, name: str, value: object) -> None:
    reply = client.post(URL, json={"inputs": [[1, 2, 3], [1, 2, 3, 4]], "parameters": {name: value}})
    assert reply.status_code == 422
    assert reply.json()["error"].startswith(f"parameters.{name}")
    assert [detail["loc"][:2] for detail in reply.json()["details"]] == [["parameters", name]]


def test_a_series_that_is_too_long_is_refused(client: TestClient) -> None:
    reply = post(client, f'{{"inputs": [{[1] * 10_001}]}}')
    assert reply.status_code == 422
    assert reply.json()["details"][0]["loc"] == ["inputs", 0, "values"]


def test_many_series_at_once_are_answered_as_each_alone(client: TestClient) -> None:
    random = np.random.default_rng(0)
    series = [(random.normal(size=4 + n) * 10.0 ** (n - 20)).tolist() for n in range(40)] + [[3.0] * 9]
    together = client.post(URL, json={"inputs": series}).json()["outputs"]
    for values, output in zip(series, together, strict=True):
        (alone,) = client.post(URL, json={"inputs": [values]}).json()["outputs"]
        assert output["median"] == pytest.approx(alone["median"], rel=1e-6)


def test_the_example_of_the_api_description_runs_as_it_stands(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    body = description["paths"][URL]["post"]["requestBody"]["content"]["application/json"]
    example = body.get("example") or next(iter(body["examples"].values()))["value"]
    assert client.post(URL, json=example).status_code == 200
