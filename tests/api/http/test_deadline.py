import pytest

PREDICT = "/v1/models/tiny-sentiment/predict"
INFER = "/v2/models/tiny-sentiment/infer"
BODY = {"inputs": ["a good film"]}


@pytest.mark.parametrize("given", ["1000", "600000", "000500"])
def test_a_whole_number_of_milliseconds_is_taken(client, given):
    assert client.post(PREDICT, json=BODY, headers={"X-Request-Timeout-Ms": given}).status_code == 200


@pytest.mark.parametrize("given", ["0", "-1", "600001", "1.5", "1e3", "", " ", "1000ms", "٣", "9" * 5000])
@pytest.mark.parametrize(("path", "status"), [(PREDICT, 422), ("/hf/models/tiny-sentiment", 422), (INFER, 400)])
def test_anything_else_is_refused_by_every_dialect_and_names_the_header(client, path, status, given):
    reply = client.post(path, json=BODY, headers={"X-Request-Timeout-Ms": given.encode()})
    assert reply.status_code == status
    assert reply.json()["error"].startswith("X-Request-Timeout-Ms: must be a whole number of milliseconds from 1 to ")
    assert len(reply.json()["error"]) < 200
