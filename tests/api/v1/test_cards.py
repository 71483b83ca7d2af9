import json
from pathlib import Path

import pytest
from conftest import publish_sentiment
from starlette.testclient import TestClient

from app.repository.manifest import CardFiles, Verification
from app.repository.publish import sha256_of

PNG = b"\x89PNG not really"


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """One model with a card and one without."""
    root, scratch = tmp_path / "models", tmp_path / "scratch"
    root.mkdir()
    publish_sentiment(root, scratch, name="plain")
    (scratch / "card.md").write_text("# A card\n", encoding="utf-8")
    (scratch / "curve.png").write_bytes(PNG)
    publish_sentiment(
        root,
        scratch,
        name="carded",
        more_files={"card.md": scratch / "card.md", "card/curve.png": scratch / "curve.png"},
        card=CardFiles(pictures=("card/curve.png",)),
        verification=Verification(batch_1=1e-6, batch_n=2e-6, n=4, inputs=4),
    )
    return root


def test_a_card_is_markdown_and_its_pictures_lie_below_it(client: TestClient) -> None:
    card = client.get("/v1/models/carded/card")
    assert (card.status_code, card.text) == (200, "# A card\n")
    assert card.headers["content-type"] == "text/markdown; charset=utf-8"
    assert card.headers["x-model-version"] == "1"
    picture = client.get("/v1/models/carded/card/curve.png")
    assert (picture.status_code, picture.content) == (200, PNG)
    assert picture.headers["content-type"] == "image/png"


def test_the_card_in_json_leads_to_it(client: TestClient) -> None:
    described = client.get("/v1/models/carded").json()
    assert described["card"] == "/v1/models/carded/card"
    assert described["verification"] == {"batch_1": 1e-6, "batch_n": 2e-6, "n": 4, "inputs": 4}
    assert client.get("/v1/models/plain").json()["card"] is None


@pytest.mark.parametrize(
    ("path", "says"),
    [
        pytest.param("/v1/models/plain/card", "model plain version 1 has no card", id="no card"),
        pytest.param("/v1/models/nobody/card", "no model 'nobody'", id="no model"),
        pytest.param("/v1/models/carded/card/other.png", "has no picture 'other.png'", id="no picture"),
        pytest.param("/v1/models/carded/card/..%2Fmodel.onnx", "there is nothing at", id="a path out of it"),
        pytest.param("/v1/models/carded/card/model.onnx", "has no picture 'model.onnx'", id="not a picture"),
    ],
)
def test_what_is_not_there_is_404_in_the_envelope(client: TestClient, path: str, says: str) -> None:
    reply = client.get(path)
    assert reply.status_code == 404
    assert says in reply.json()["error"]
    assert reply.json()["request_id"] == reply.headers["x-request-id"]


def edited(folder: Path, card: str, **changes: object) -> None:
    """Edit a published version in place, as a tool does that adds a figure to a card."""
    (folder / "card.md").write_text(card, encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["card.md"] = {"sha256": sha256_of(folder / "card.md"), "size": len(card)}
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))


def test_a_card_is_answered_as_it_was_verified_and_anew_when_the_version_is_loaded_anew(
    client: TestClient, models_dir: Path
) -> None:
    edited(models_dir / "carded" / "1", "# Another card\n", description="Described anew.")
    assert client.get("/v1/models/carded/card").text == "# A card\n"
    assert "Described anew." not in client.get("/openapi.json").text
    assert client.post("/v1/models/carded/load").status_code == 200
    assert client.get("/v1/models/carded/card").text == "# Another card\n"
    assert "Described anew." in client.get("/openapi.json").text


def test_files_that_fail_their_checks_after_an_edit_leave_the_card_as_it_was(
    client: TestClient, models_dir: Path
) -> None:
    edited(models_dir / "carded" / "1", "# Another card\n", description="Described anew.")
    (models_dir / "carded" / "1" / "card.md").write_text("# B card\n", encoding="utf-8")
    reply = client.post("/v1/models/carded/load")
    assert reply.status_code == 409
    assert "card.md has 9 bytes" in reply.json()["error"]
    assert reply.json()["error"].endswith("version 1 stays live")
    assert client.get("/v1/models/carded/card").text == "# A card\n"
    assert client.get("/health/ready").json() == {"ready": True, "reason": "", "failed": ["carded version 1"]}
