# ruff: noqa: E501  (a table reads better in one line a case)
"""Vectors of texts as the clients of OpenAI ask for them."""

import base64

import jsonschema
import numpy as np
import onnx
import pytest
from conftest import WORDS, publish_sentiment, word_tokenizer
from onnx import TensorProto, helper, numpy_helper
from tiny_writer import serving

from app.api.openai.answers_schema import TextVectors
from app.repository.publish import publish
from app.tensors import TensorSpec

PATH = "/v1/embeddings"
MODEL, ALIAS = "tiny-embedder", "Tiny/Embedder"
GOOD, FILM = WORDS.index("good"), WORDS.index("film")


def publish_embedder(root, scratch):
    """The embedding of a text counts each word of the vocabulary."""
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["weight", "input_ids"], ["by_token"]),
            helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["mask", "last"], ["mask_3d"]),
            helper.make_node("Mul", ["by_token", "mask_3d"], ["masked"]),
            helper.make_node("ReduceSum", ["masked", "tokens"], ["embedding"], keepdims=0),
        ],
        "counting",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", len(WORDS)])],
        [
            numpy_helper.from_array(np.eye(len(WORDS), dtype=np.float32), "weight"),
            numpy_helper.from_array(np.array([-1], np.int64), "last"),
            numpy_helper.from_array(np.array([1], np.int64), "tokens"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), scratch / "e.onnx")
    publish(
        root, MODEL, {"model.onnx": scratch / "e.onnx", "tokenizer.json": word_tokenizer(scratch / "t.json")},
        task="feature-extraction", runtime="onnx", graphs={"model": "model.onnx"},
        inputs=tuple(TensorSpec(name=each, datatype="INT64", shape=(-1, -1)) for each in ("input_ids", "attention_mask")),
        outputs=(TensorSpec(name="embedding", datatype="FP32", shape=(-1, len(WORDS))),),
        config={"tokenizer": "tokenizer.json", "max_tokens": 8, "aliases": [ALIAS]},
    )  # fmt: skip


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    models, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_embedder(models, scratch)
    publish_sentiment(models, scratch / "sentiment")
    with serving(models) as client:
        yield client


def ask(client, **fields):
    reply = client.post(PATH, json={"model": MODEL, **fields})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_each_text_has_a_vector_and_tokens_are_counted(embedder):
    answer = ask(embedder, input=["good film", "good"], user=None)
    assert answer["object"] == "list"
    assert answer["model"] == MODEL
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert [(one["object"], one["index"]) for one in answer["data"]] == [("embedding", 0), ("embedding", 1)]
    vector = np.zeros(len(WORDS))
    vector[[GOOD, FILM]] = 0.5**0.5
    assert answer["data"][0]["embedding"] == pytest.approx(vector.tolist(), abs=1e-6)
    assert ask(embedder, input="good")["data"][0]["embedding"] == answer["data"][1]["embedding"]
    assert ask(embedder, input="good", model=ALIAS)["model"] == MODEL


def test_base64_holds_the_same_numbers_as_little_endian_fp32(embedder):
    numbers = ask(embedder, input="good film", encoding_format="float")["data"][0]["embedding"]
    coded = ask(embedder, input="good film", encoding_format="base64")["data"][0]["embedding"]
    assert np.frombuffer(base64.b64decode(coded), "<f4").tolist() == pytest.approx(numbers, abs=1e-7)


def test_dimensions_cut_a_vector_and_scale_it_anew(embedder):
    vector = ask(embedder, input="good film", dimensions=GOOD + 1)["data"][0]["embedding"]
    assert len(vector) == GOOD + 1
    assert vector[GOOD] == pytest.approx(1)


@pytest.mark.parametrize(
    ("fields", "status", "param", "says"),
    [
        ({"input": [1, 2]}, 400, "input", "check_embedding_ctx_length=False"),
        ({"input": [[1, 2]]}, 400, "input", "check_embedding_ctx_length=False"),
        ({"input": None}, 400, "input", "Field required"),
        ({"input": []}, 400, "input", "at least 1"),
        ({"input": ["good"] * 17}, 400, "input", "a request may have 16"),
        ({"input": ["good", ""]}, 400, "input.1", "the text is empty"),
        ({"input": "good " * 9}, 400, "input.0", "9 tokens and the model reads at most 8"),
        ({"input": "good", "dimensions": 0}, 400, "dimensions", "greater than or equal to 1"),
        ({"input": "good", "dimensions": 99}, 400, "dimensions", f"vectors have {len(WORDS)} numbers"),
        ({"input": "good", "encoding_format": "int8"}, 400, "encoding_format", "'float' or 'base64'"),
        ({"input": "good", "truncate": True}, 400, "truncate", "Unrecognized request argument supplied: truncate"),
        ({"input": "good", "model": "nobody"}, 404, None, f"no model 'nobody'; models that embed texts: {MODEL}"),
        ({"input": "good", "model": "tiny-sentiment"}, 400, "model", "does not embed texts"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_and_where(embedder, fields, status, param, says):
    reply = embedder.post(PATH, json={"model": MODEL, **fields})
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert says in error["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PATH, {"model": MODEL, "input": ["good film"]}),
        (PATH, {"model": MODEL, "input": "good film", "encoding_format": "base64"}),
        (f"/hf/models/{MODEL}/embed", {"inputs": "good film"}),
    ],
)
def test_vectors_have_the_form_that_is_documented(embedder, path, body):
    document = embedder.get("/openapi.json").json()
    schema = document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    reply = embedder.post(path, json=body)
    assert reply.status_code == 200, reply.text
    jsonschema.validate(reply.json(), {**schema, "components": document["components"]})
    if path == PATH:
        assert TextVectors.model_validate(reply.json()).model_dump() == reply.json()


def test_the_route_that_ranks_is_listed_as_one_that_refuses(embedder):
    operation = embedder.get("/openapi.json").json()["paths"][f"/hf/models/{MODEL}/rerank"]["post"]
    reply = embedder.post(f"/hf/models/{MODEL}/rerank", json={"query": "a", "texts": ["b"]})
    assert str(reply.status_code) in operation["responses"]
    assert "200" not in operation["responses"]
