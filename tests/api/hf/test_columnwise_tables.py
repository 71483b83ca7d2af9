"""Tables as `huggingface_hub` sends them, column by column."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from table_models import ROW, served_tables


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with served_tables(tmp_path_factory.mktemp("tables")) as client:
        yield client


def test_a_table_is_answered_row_by_row(client: TestClient) -> None:
    table = {"months": ["10", "60"], "contract": ["monthly", "yearly"], "charge": [20.0, "20"]}
    assert client.post("/hf/models/leaving", json={"table": table, "parameters": {}}).json() == ["leaves", "stays"]
    numbers = client.post("/hf/models/cost", json={"table": table}).json()
    assert numbers == pytest.approx([1.0, -7.0], abs=1e-5)
    path = client.get("/openapi.json").json()["paths"]["/hf/models/leaving"]["post"]
    content = path["requestBody"]["content"]["application/json"]
    assert content["schema"]["properties"]["table"]["properties"]["charge"]["items"]["type"] == "number"
    assert client.post("/hf/models/leaving", json=content["example"]).json() == ["leaves"]


TABLE = {"months": [1], "contract": ["monthly"], "charge": [1]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"inputs": [ROW]}, "table: Field required"),
        ({"table": TABLE, "inputs": [ROW]}, "inputs: has no effect beside a table"),
        ({"table": [ROW]}, "table: must be an object with a list of values for each column"),
        ({"table": {}}, "table: must be an object with a list of values for each column"),
        ({"table": {"months": 3}}, "table.months: must be a list, with a value for each row"),
        ({"table": {"months": [], "contract": []}}, "table: has no rows"),
        ({"table": {"months": [1, 2], "contract": ["monthly"]}}, "table.contract: has 1 values, and months has 2"),
        ({"table": {**TABLE, "months": ["x"]}}, 'inputs.0.months: must be a number, not "x"'),
        ({"table": TABLE, "parameters": {"top_k": 1}}, "parameters: top_k would have no effect here"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_its_place(
    client: TestClient, body: dict[str, Any], words: str
) -> None:
    reply = client.post("/hf/models/leaving", json=body)
    assert reply.status_code == 422, reply.text
    assert words in str(reply.json()["error"])
