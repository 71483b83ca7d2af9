import json

import jsonschema
import numpy as np
import pytest
from conftest import POSITIVE, publish_sentiment
from graphs import cumulated, doubled_and_summed, publish_brightness, save
from onnx import helper

from app.adding.command import Wishes, add, add_model
from app.repository.manifest import Golden

PATH = "/v1/models/tiny-sentiment/predict"


def resolved(document, schema):
    return {**schema, "components": document["components"]}


def test_every_loaded_model_has_a_typed_operation_whose_example_runs_as_it_stands(client):
    document = client.get("/openapi.json").json()
    operation = document["paths"][PATH]["post"]
    body = operation["requestBody"]["content"]["application/json"]
    jsonschema.validate(body["example"], resolved(document, body["schema"]))
    reply = client.post(PATH, json=body["example"])
    assert reply.status_code == 200, reply.text
    answer = operation["responses"]["200"]["content"]["application/json"]
    jsonschema.validate(reply.json(), resolved(document, answer["schema"]))
    jsonschema.validate(answer["example"], resolved(document, answer["schema"]))


def test_every_loaded_model_has_an_operation_over_tensors_whose_example_runs_as_it_stands(client, models_dir, tmp_path):
    add_model(doubled_and_summed(tmp_path / "two.onnx"), "two", models_dir)
    add_model(cumulated(tmp_path / "cumulated.onnx"), "cumulated", models_dir)
    for model in ("tiny-sentiment", "two", "cumulated"):
        assert client.post(f"/v2/repository/models/{model}/load").status_code == 200
        path = f"/v2/models/{model}/infer"
        document = client.get("/openapi.json").json()
        operation = document["paths"][path]["post"]
        body = operation["requestBody"]["content"]["application/json"]
        jsonschema.validate(body["example"], resolved(document, body["schema"]))
        reply = client.post(path, json=body["example"])
        assert reply.status_code == 200, reply.text
        answer = operation["responses"]["200"]["content"]["application/json"]
        jsonschema.validate(reply.json(), resolved(document, answer["schema"]))
        assert "422" not in operation["responses"]


def test_every_form_of_an_answer_in_the_open_inference_protocol_is_documented(client):
    paths = client.get("/openapi.json").json()["paths"]
    tensor = {"datatype": "INT64", "shape": [1, 2], "data": [2, 3]}
    inputs = [{"name": name, **tensor} for name in ("input_ids", "attention_mask")]
    answers = paths["/v2/models/tiny-sentiment/infer"]["post"]["responses"]["200"]["content"]
    for is_binary in (False, True):
        body = {"inputs": inputs, "parameters": {"binary_data_output": is_binary}}
        assert client.post("/v2/models/tiny-sentiment/infer", json=body).headers["content-type"] in answers
    for verb in ("load", "unload"):
        assert "content" not in paths[f"/v2/repository/models/{{model}}/{verb}"]["post"]["responses"]["200"]
        assert client.post(f"/v2/repository/models/tiny-sentiment/{verb}").content == b""


def test_an_example_that_nobody_could_read_is_left_out(client, models_dir, tmp_path):
    publish_brightness(models_dir, tmp_path, size=64)
    assert client.post("/v2/repository/models/brightness/load").status_code == 200
    body = client.get("/openapi.json").json()["paths"]["/v2/models/brightness/infer"]["post"]["requestBody"]
    assert "example" not in body["content"]["application/json"]


def test_a_model_that_is_loaded_later_appears(client, models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "other", name="other")
    assert "/v1/models/other/predict" not in client.get("/openapi.json").json()["paths"]
    assert client.post("/v1/models/other/load").status_code == 200
    assert "/v1/models/other/predict" in client.get("/openapi.json").json()["paths"]


def test_errors_are_documented_as_they_are_sent(client):
    document = client.get("/openapi.json").json()
    operation = document["paths"][PATH]["post"]
    schema = operation["responses"]["422"]["content"]["application/json"]["schema"]
    jsonschema.validate(client.post(PATH, json={"inputs": []}).json(), resolved(document, schema))
    assert "HTTPValidationError" not in json.dumps(document)


def test_every_reference_of_the_document_leads_somewhere(client):
    document = client.get("/openapi.json").json()
    text = json.dumps(document)
    for name in document["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text, f"{name} is not used"
    for reference in {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}:
        assert reference in document["components"]["schemas"]


def test_the_pages_load_nothing_from_elsewhere(client):
    for page in ("/docs", "/redoc"):
        html = client.get(page).text
        assert "https://" not in html
        for asset in [part.split('"')[0] for part in html.split('src="')[1:] + html.split('href="')[1:]]:
            assert client.get(asset).status_code == 200, asset


def test_what_a_manifest_describes_is_shown_and_never_rendered(client, models_dir, tmp_path):
    hostile = 'a `code`\n\n# head ``` <meta http-equiv="refresh" content="0; url=http://x.test"> [a](http://x.test)'
    link = Golden(input={"text": "what a good film"}, parameters={"top_k": 1}, output=[POSITIVE[0]])
    publish_sentiment(models_dir, tmp_path / "hostile", name="hostile", description=hostile, golden=(link,))
    assert client.post("/v1/models/hostile/load").status_code == 200
    described = client.get("/openapi.json").json()["paths"]["/v1/models/hostile/predict"]["post"]["description"]
    shown, own = described.split("\n\n", 1)
    assert shown == f"```` {' '.join(hostile.split())} ````"
    assert "<meta" not in own


def test_an_example_that_a_page_would_make_a_link_of_is_replaced_by_the_one_of_its_task(client, models_dir, tmp_path):
    link = Golden(input={"text": "http://x.test/good"}, output=POSITIVE)
    publish_sentiment(models_dir, tmp_path / "linked", name="linked", golden=(link,))
    assert client.post("/v1/models/linked/load").status_code == 200
    assert "x.test" not in client.get("/openapi.json").text


def test_a_graph_without_a_golden_example_is_asked_with_one_made_of_its_signature(client, models_dir, tmp_path):
    nodes = [helper.make_node("Identity", ["pixels"], ["same"])]
    file = save(
        tmp_path / "large.onnx", nodes, [("pixels", "FP32", ["N", 3, 50, 50])], [("same", "FP32", ["N", 3, 50, 50])]
    )
    assert add_model(file, "large", models_dir).golden == ()
    assert client.post("/v1/models/large/load").status_code == 200
    operation = client.get("/openapi.json").json()["paths"]["/v1/models/large/predict"]["post"]
    assert "pixels ` FP32 [3, 50, 50]." in operation["description"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    assert np.shape(example["inputs"][0]["pixels"]) == (3, 50, 50)
    assert client.post("/v1/models/large/predict", json=example).status_code == 200


def test_class_names_that_were_given_are_in_the_document(client, models_dir, tmp_path):
    (tmp_path / "labels").write_text("cat\ndog\neel")
    add(doubled_and_summed(tmp_path / "two.onnx"), "two", models_dir, Wishes(labels=tmp_path / "labels"))
    assert client.post("/v1/models/two/load").status_code == 200
    operation = client.get("/openapi.json").json()["paths"]["/v1/models/two/predict"]["post"]
    assert operation["x-class-names"] == {"doubled": ["cat", "dog", "eel"]}


def parts_of(value):
    """Every object inside a document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from parts_of(one)


def test_tools_that_make_clients_know_every_schema(client):
    """Of what they do not know they leave out the whole operation: values of two types in one list, doubled names."""
    document = client.get("/openapi.json").json()
    for part in parts_of(document["components"]["schemas"]):
        if isinstance(part.get("enum"), list):
            assert len({type(value) for value in part["enum"]}) == 1, part
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    kinds = {kind for one in operations for kind in one.get("requestBody", {"content": {}})["content"]}
    assert all("*" not in kind for kind in kinds)
    assert all(any(status.startswith("4") for status in one["responses"]) for one in operations)
    assert document["servers"] == [{"url": "/"}]
    assert document["security"] == []
    assert document["info"]["license"]["identifier"] == "Apache-2.0"


def test_an_item_may_be_written_bare_by_the_document_and_wrongly_by_neither(client):
    document = client.get("/openapi.json").json()
    body = document["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]
    for items in (["great film"], [{"text": "great film"}], ["a", {"text": "b"}]):
        jsonschema.validate({"inputs": items}, resolved(document, body["schema"]))
        assert client.post(PATH, json={"inputs": items}).status_code == 200
    for items in ([7], [{"txt": "a"}], [["a"]], "great film"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"inputs": items}, resolved(document, body["schema"]))
        assert client.post(PATH, json={"inputs": items}).status_code == 422


def test_a_sequence_is_documented_as_it_is_taken(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    schema = schemas["RequestParameters"]["properties"]["sequence_id"]
    for value in (0, ""):
        jsonschema.validate(value, schema)
    for value in (1, "a"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(value, schema)
