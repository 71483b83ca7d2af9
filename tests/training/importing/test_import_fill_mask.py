"""Imported networks that fill in what is left out, in the service: asked by the real client of Hugging Face."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from importing_models import imported
from services import Service, running
from tiny_encoders import save_encoder
from transformers import pipeline

# The head of DeBERTa multiplies with the embeddings themselves, that of the other is a layer of its own.
KINDS = ("deberta-v2", "electra")
ONE, TWO = "Anna [MASK] the ferry to Lisbon.", "Anna [MASK] the [MASK] to Lisbon."


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("masks")
    found = {name: save_encoder(root / name, name, "ForMaskedLM") for name in KINDS}
    assert [imported(folder) for folder in found.values()] == [0] * len(KINDS)
    return found


@pytest.fixture(scope="module")
def service(folders: dict[str, Path]) -> Iterator[Service]:
    with running(folders[KINDS[0]].parent / "models") as service:
        yield service


def known(folder: Path, text: str, **parameters: Any) -> Any:
    asked: Any = pipeline("fill-mask", model=str(folder))
    found = asked(text, **parameters)
    return [
        [{**one, "score": pytest.approx(one["score"], abs=1e-4)} for one in mask]
        for mask in (found if isinstance(found[0], list) else [found])
    ]


def told(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("score", "token", "token_str", "sequence")}


@pytest.mark.parametrize("name", KINDS)
def test_the_client_gets_the_tokens_of_the_pipeline(name: str, service: Service, folders: dict[str, Path]) -> None:
    client = InferenceClient(model=f"{service.url}/hf/models/{name}")
    found = [told(one) for one in client.fill_mask(ONE, top_k=4)]
    (expected,) = known(folders[name], ONE, top_k=4)
    assert found == expected
    assert len({one["token"] for one in found}) == 4
    two = httpx.post(f"{service.url}/hf/models/{name}", json={"inputs": TWO, "parameters": {"top_k": 2}}).json()
    assert two == known(folders[name], TWO, top_k=2)
    native = httpx.post(f"{service.url}/v1/models/{name}/predict", json={"inputs": [{"text": ONE}, {"text": TWO}]})
    assert native.json()["outputs"] == [known(folders[name], text) for text in (ONE, TWO)]


def test_only_asked_tokens_are_scored_and_each_is_known(service: Service, folders: dict[str, Path]) -> None:
    client = InferenceClient(model=f"{service.url}/hf/models/electra")
    found = [told(one) for one in client.fill_mask(ONE, targets=["the", "and"])]
    (expected,) = known(folders["electra"], ONE, targets=["the", "and"])
    assert found == expected
    with pytest.raises(HfHubHTTPError, match=r"parameters\.targets: 'unheard-of' is no token of the model"):
        client.fill_mask(ONE, targets=["unheard-of"])


@pytest.mark.parametrize(("text", "reason"), [("No mask.", "has no [MASK]"), ("[MASK] " * 17, "has 17 [MASK]")])
def test_a_text_has_as_many_masks_as_are_filled_in(text: str, reason: str, service: Service) -> None:
    reply = httpx.post(f"{service.url}/v1/models/electra/predict", json={"inputs": [{"text": text}]})
    assert reply.status_code == 422
    assert reason in reply.json()["error"]
    assert reply.json()["details"][0]["loc"] == ["inputs", 0, "text"]


def test_a_tokenizer_without_a_mask_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save_encoder(tmp_path / "mine", "bert", "ForMaskedLM")
    settings = folder / "tokenizer_config.json"
    settings.write_text(settings.read_text().replace('"mask_token": "[MASK]"', '"mask_token": null'))
    assert imported(folder) == 1
    assert "has no mask token" in capsys.readouterr().err
