"""Models of tables over HTTP: rows as JSON and as CSV, what is refused, reasons, and what the document says of them."""

import math
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from starlette.testclient import TestClient
from table_models import ROW, logit, served_tables

URL, COST = "/v1/models/leaving/predict", "/v1/models/cost/predict"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with served_tables(tmp_path_factory.mktemp("tables")) as client:
        yield client


def answers(reply: httpx.Response) -> list[Any]:
    assert reply.status_code == 200, reply.text
    outputs: list[Any] = reply.json()["outputs"]
    return outputs


def fault(reply: httpx.Response) -> tuple[list[Any], str]:
    assert reply.status_code == 422, reply.text
    detail = reply.json()["details"][0]
    return detail["loc"], detail["msg"]


def leaves(**row: Any) -> float:
    return 1 / (1 + math.exp(-logit(**row)))


def test_each_row_is_labelled_best_first(client: TestClient) -> None:
    rows = [ROW, {"months": 60, "contract": "yearly", "charge": 20.0}, {**ROW, "months": None}]
    for row, labels in zip(rows, answers(client.post(URL, json={"inputs": rows})), strict=True):
        scores = {one["label"]: one["score"] for one in labels}
        assert scores["leaves"] == pytest.approx(leaves(**row), abs=1e-6)
        assert labels[0]["score"] >= labels[1]["score"]


def test_top_k_counts_labels(client: TestClient) -> None:
    (labels,) = answers(client.post(URL, json={"inputs": [ROW], "parameters": {"top_k": 1}}))
    assert [one["label"] for one in labels] == ["leaves"]


def test_a_number_comes_with_its_interval(client: TestClient) -> None:
    (told,) = answers(client.post(COST, json={"inputs": [ROW]}))
    assert told["value"] == pytest.approx(1.0, abs=1e-6)
    assert told["interval"] == pytest.approx({"low": -1.0, "high": 3.0, "probability": 0.9}, abs=1e-6)


@pytest.mark.parametrize(
    ("row", "place", "words"),
    [
        ({**ROW, "contract": "montly"}, "contract", 'unknown category "montly"; did you mean "monthly"?'),
        ({**ROW, "contract": "zzz"}, "contract", 'unknown category "zzz"; there are: "monthly", "yearly"'),
        ({**ROW, "contract": 3}, "contract", 'must be a text, such as "monthly", not a number'),
        ({**ROW, "contract": None}, "contract", "must not be missing: training always saw a category here"),
        ({**ROW, "months": "10"}, "months", 'must be a number, not the text "10"'),
        ({**ROW, "months": True}, "months", "must be a number, not true"),
        ({**ROW, "months": 1.1e30}, "months", "must be a finite number from -1e30 to 1e30"),
        ({**ROW, "Months": 3}, "Months", 'the model reads no such column; did you mean "months"?'),
        ({**ROW, "left": "stays"}, "left", '"left" is what this model tells; leave it out'),
        ({"months": 1, "contract": "monthly"}, "charge", "this column is missing"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_with_the_column_and_what_was_meant(
    client: TestClient, row: dict[str, Any], place: str, words: str
) -> None:
    assert fault(client.post(URL, json={"inputs": [ROW, row]})) == (["inputs", 1, place], words)


@pytest.mark.parametrize("item", ["monthly", 3, None, [1, "monthly", 2]])
def test_an_item_that_is_no_row_is_refused_with_its_place(client: TestClient, item: Any) -> None:
    assert fault(client.post(URL, json={"inputs": [ROW, item]}))[0] == ["inputs", 1]


def test_a_column_that_may_be_missing_may_be_left_out(client: TestClient) -> None:
    rows = [{"contract": "monthly", "charge": 20.0}, {**ROW, "months": None}]
    left_out, null = answers(client.post(URL, json={"inputs": rows}))
    assert left_out == null


def test_of_many_faults_few_are_told(client: TestClient) -> None:
    reply = client.post(URL, json={"inputs": [{f"column {i}": 1 for i in range(10_000)}]})
    assert reply.status_code == 422
    assert len(reply.json()["details"]) == 5


def test_a_category_that_was_not_seen_may_be_taken_for_none_of_those_that_were(client: TestClient) -> None:
    row = {**ROW, "contract": "weekly"}
    (labels,) = answers(client.post(URL, json={"inputs": [row], "parameters": {"unknown": "ignore", "top_k": 1}}))
    assert labels[0]["score"] == pytest.approx(max(leaves(**row), 1 - leaves(**row)), abs=1e-6)


def test_a_category_is_known_by_its_look(client: TestClient) -> None:
    (wide,) = answers(client.post(URL, json={"inputs": [{**ROW, "contract": " ｍonthly"}]}))
    assert wide == answers(client.post(URL, json={"inputs": [ROW]}))[0]


def test_a_row_is_answered_in_company_as_alone(client: TestClient) -> None:
    rows = [{**ROW, "months": months} for months in (0, None, 72, 1000)]
    alone = [answers(client.post(URL, json={"inputs": [row]}))[0] for row in rows]
    assert answers(client.post(URL, json={"inputs": rows})) == alone


def csv(client: TestClient, text: str | bytes, query: str = "") -> httpx.Response:
    return client.post(f"{URL}{query}", content=text, headers={"Content-Type": "text/csv; charset=utf-8"})


def test_lines_of_a_file_are_rows(client: TestClient) -> None:
    rows = [ROW, {"months": None, "contract": "yearly", "charge": 70.5}]
    lines = '\ufeffcharge,"contract",months\r\n20.0,monthly,10\r\n\r\n70.5,"yearly",\r\n'
    assert answers(csv(client, lines)) == answers(client.post(URL, json={"inputs": rows}))
    assert len(answers(csv(client, lines, "?top_k=1"))[0]) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the first line must name the columns"),
        ("months,contract,charge\n", "the file has no line behind the names of its columns"),
        ("months,contract,months\n1,monthly,2\n", "the first line names a column twice: months"),
        ("months,contract,charge\n1,monthly\n", "line 2 has 2 fields, and the first line 3 names"),
        ('months,contract,charge\n1,"monthly,2\n', "line 2 is not CSV: unexpected end of data"),
        ("months,contract,charge\nmany,monthly,2\n", 'must be a number, not "many"'),
        ("months,contract,charge\n1,monthly,2\n1,monthly,nan\n", "must be a finite number from -1e30 to 1e30"),
        ("months,contract,charge\n1,monthly,\n", "must not be missing: training always saw a number here"),
        (b"months,contract,charge\n1,monthly\xff,2\n", "the file is not UTF-8: byte 32 is no part of a character"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(client: TestClient, text: str | bytes, words: str) -> None:
    reply = csv(client, text)
    assert reply.status_code == 422, reply.text
    assert words in reply.json()["error"]


def test_a_file_has_no_more_lines_than_a_request_may_have_inputs(client: TestClient) -> None:
    assert csv(client, "months,contract,charge\n" + "1,monthly,2\n" * 9).status_code == 413


def test_json_that_was_sent_as_a_file_of_another_kind_is_told_how_to_send_lines(client: TestClient) -> None:
    reply = client.post(URL, content="months,contract\n1,monthly\n", headers={"Content-Type": "application/json"})
    assert "Content-Type text/csv" in reply.json()["error"]


def test_reasons_are_what_the_answer_loses_where_a_column_is_typical(client: TestClient) -> None:
    row = {"months": 60, "contract": "yearly", "charge": 20.0}
    body = {"inputs": [row], "parameters": {"label": "leaves"}}
    (reasons,) = answers(client.post("/v1/models/leaving/explain", json=body))
    weights = {one["column"]: one["weight"] for one in reasons["columns"]}
    assert [one["column"] for one in reasons["columns"]] == ["months", "contract", "charge"]
    assert weights == pytest.approx({"months": -5.0, "contract": -3.0, "charge": 0.0}, abs=1e-4)
    assert reasons["score"] == pytest.approx(leaves(**row), abs=1e-6)
    assert reasons["score_of_typical"] == pytest.approx(leaves(**ROW), abs=1e-6)


def test_reasons_of_a_number_are_in_its_unit(client: TestClient) -> None:
    body = {"inputs": [{**ROW, "charge": 60.0}]}
    (reasons,) = answers(client.post("/v1/models/cost/explain", json=body))
    assert reasons["columns"][0] == {"column": "charge", "weight": pytest.approx(2.0, abs=1e-5), "typical": 20.0}
    assert reasons["value"] - reasons["value_of_typical"] == pytest.approx(2.0, abs=1e-5)


@pytest.mark.parametrize("path", ["/v1/models/leaving/predict", "/v1/models/leaving/explain"])
def test_the_document_names_the_columns_and_their_kinds(client: TestClient, path: str) -> None:
    content = client.get("/openapi.json").json()["paths"][path]["post"]["requestBody"]["content"]
    schema, example = content["application/json"]["schema"], content["application/json"]["example"]
    columns = schema["properties"]["inputs"]["items"]["properties"]
    number_or_none = {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None}
    seen = "in training mostly from 0 to 72"
    assert columns["months"] == {**number_or_none, "description": seen, "examples": [10]}
    assert columns["contract"] == {"type": "string", "enum": ["monthly", "yearly"], "examples": ["monthly"]}
    assert columns["charge"]["type"] == "number"
    assert example == {"inputs": [ROW]}
    assert schema["properties"]["inputs"]["items"]["required"] == ["contract", "charge"]
    jsonschema.validate(example["inputs"], {**schema["properties"]["inputs"]})
    assert client.post(path, json=example).status_code == 200
    lines = content["text/csv"]["example"]
    assert lines == "months,contract,charge\n10.0,monthly,20.0\n"
    assert client.post(path, content=lines, headers={"Content-Type": "text/csv"}).status_code == 200


def test_the_tensors_may_be_sent_as_they_are(client: TestClient) -> None:
    numbers = {"name": "numbers", "datatype": "FP32", "shape": [1, 2], "data": [10, 20]}
    categories = {"name": "categories", "datatype": "BYTES", "shape": [1, 1], "data": ["monthly"]}
    reply = client.post("/v2/models/leaving/infer", json={"inputs": [numbers, categories]})
    assert reply.status_code == 200, reply.text
    assert reply.json()["outputs"][0]["data"][1] == pytest.approx(leaves(**ROW), abs=1e-6)
