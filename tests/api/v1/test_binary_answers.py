import base64
import json
from collections.abc import Iterator
from io import BytesIO

import numpy as np
import onnx
import pytest
from conftest import far_app, ready
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from starlette.testclient import TestClient

from app.repository.publish import publish
from app.tensors import TensorSpec

PATH = "/v1/models/painter/predict"
LABELS = ["coat", "bag"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The real application with a generator that paints 64 numbers of noise as 8 x 8 pixels, bags brighter."""
    tmp_path = tmp_path_factory.mktemp("painter")
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["class"], ["index"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["index", "last"], ["column"]),
            helper.make_node("Add", ["noise", "column"], ["shifted"]),
            helper.make_node("Sigmoid", ["shifted"], ["share"]),
            helper.make_node("Mul", ["share", "white"], ["level"]),
            helper.make_node("Cast", ["level"], ["levels"], to=TensorProto.UINT8),
            helper.make_node("Reshape", ["levels", "shape"], ["image"]),
        ],
        "painter",
        [
            helper.make_tensor_value_info("noise", TensorProto.FLOAT, ["batch", 64]),
            helper.make_tensor_value_info("class", TensorProto.INT64, ["batch"]),
        ],
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 8, 8, 1])],
        [
            numpy_helper.from_array(np.array([-1], np.int64), "last"),
            numpy_helper.from_array(np.array(255, np.float32), "white"),
            numpy_helper.from_array(np.array([-1, 8, 8, 1], np.int64), "shape"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "m.onnx")
    (tmp_path / "labels.json").write_text(json.dumps(LABELS))
    publish(
        tmp_path / "models", "painter", {"model.onnx": tmp_path / "m.onnx", "labels.json": tmp_path / "labels.json"},
        task="unconditional-image-generation", runtime="onnx", graphs={"model": "model.onnx"},
        inputs=(TensorSpec(name="noise", datatype="FP32", shape=(-1, 64)),
                TensorSpec(name="class", datatype="INT64", shape=(-1,))),
        outputs=(TensorSpec(name="image", datatype="UINT8", shape=(-1, 8, 8, 1)),),
        config={"latent": 64, "labels": "labels.json"},
    )  # fmt: skip
    with ready(far_app(tmp_path / "models")) as client:
        yield client


BAG = {"class": "bag", "seed": 7}


def test_a_picture_comes_as_base64_with_what_made_it(client: TestClient) -> None:
    reply = client.post(PATH, json={"inputs": [BAG]})
    assert reply.status_code == 200, reply.text
    (output,) = reply.json()["outputs"]
    assert (output["class"], output["seed"]) == ("bag", 7)
    assert Image.open(BytesIO(base64.b64decode(output["image"]))).size == (8, 8)


@pytest.mark.parametrize(
    "accept", ["image/png", "image/*", "IMAGE/PNG;q=0.9", "text/html, image/png, application/json", "image/png, */*"]
)
def test_who_accepts_a_png_gets_the_file_itself(client: TestClient, accept: str) -> None:
    in_json = client.post(PATH, json={"inputs": [BAG]}).json()["outputs"][0]["image"]
    reply = client.post(PATH, json={"inputs": [BAG]}, headers={"Accept": accept})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "image/png"
    assert reply.content == base64.b64decode(in_json)
    assert reply.headers["x-model-version"] == "1"
    assert {"server-timing", "x-request-id"} <= set(reply.headers)


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/json, image/png", "image/webp", "", "text/html, */*"]
)
def test_everybody_else_gets_json(client: TestClient, accept: str) -> None:
    reply = client.post(PATH, json={"inputs": [BAG]}, headers={"Accept": accept})
    assert reply.headers["content-type"] == "application/json"


def test_a_file_answers_one_input_only(client: TestClient) -> None:
    reply = client.post(PATH, json={"inputs": [BAG, BAG]}, headers={"Accept": "image/png"})
    assert reply.status_code == 422
    assert reply.json()["error"] == "inputs: an answer that is image/png has room for one input; there are 2"


def test_an_error_is_json_even_to_who_accepts_a_png(client: TestClient) -> None:
    reply = client.post(PATH, json={"inputs": [{"class": "hat"}]}, headers={"Accept": "image/png"})
    assert reply.status_code == 422
    assert reply.json()["details"][0]["loc"] == ["inputs", 0, "class"]
    assert "unknown class 'hat'; there are: coat, bag" in reply.json()["error"]


def test_a_bad_seed_is_named_where_it_stands(client: TestClient) -> None:
    reply = client.post(PATH, json={"inputs": [BAG, {"class": "bag", "seed": -1}]})
    assert reply.status_code == 422
    assert reply.json()["details"][0]["loc"] == ["inputs", 1, "seed"]


def test_a_class_may_be_given_bare(client: TestClient) -> None:
    reply = client.post(PATH, json={"inputs": ["bag", None]})
    assert reply.status_code == 200, reply.text
    assert reply.json()["outputs"][0]["class"] == "bag"
    assert reply.json()["outputs"][1]["class"] in LABELS


def test_a_picture_of_many_is_the_picture_alone(client: TestClient) -> None:
    items = [{"class": LABELS[seed % 2], "seed": seed} for seed in range(8)]
    together = client.post(PATH, json={"inputs": items}).json()["outputs"]
    assert together == [client.post(PATH, json={"inputs": [item]}).json()["outputs"][0] for item in items]


def test_both_forms_of_the_answer_are_documented(client: TestClient) -> None:
    operation = client.get("/openapi.json").json()["paths"][PATH]["post"]
    content = operation["responses"]["200"]["content"]
    assert content["image/png"] == {"schema": {"type": "string", "format": "binary"}}
    assert set(content) == {"application/json", "image/png"}
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert set(schemas["SeedInput"]["properties"]) == {"class", "seed"}
    assert set(schemas["GeneratedImage"]["properties"]) == {"image", "class", "seed"}
