"""An imported GPT-2, small and of random weights, asked over HTTP: as transformers writes."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from importing_models import imported
from services import running
from small_decoder import save_small_decoder, small_decoder

from app.repository.repository import ModelRepository

POSITIONS, WRITTEN = 256, 24
PROMPTS = [np.random.default_rng(length).integers(2, 258, length).tolist() for length in (5, 40, 1, 200, 23)]


def generated(prompt: list[int]) -> list[int]:
    """The tokens that `generate` of transformers writes, greedily."""
    network = small_decoder("gpt2", n_positions=POSITIONS)
    ids = torch.tensor([prompt])
    options = {"max_new_tokens": WRITTEN, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    found: list[int] = network.generate(ids, attention_mask=torch.ones_like(ids), **options)[0].tolist()
    return found[len(prompt) :]


def test_a_gpt2_without_a_chat_is_asked_through_http_as_transformers_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    save_small_decoder(folder, "gpt2", template="", n_positions=POSITIONS)
    status, told = imported(folder), capsys.readouterr()
    if "cannot download" in told.err:
        pytest.skip(told.err)
    assert status == 0, told.err

    manifest = ModelRepository(tmp_path / "models").read("mine", 1)
    assert (manifest.config["context"], manifest.config["chat_template"]) == (POSITIONS, None)
    with running(tmp_path / "models") as service:

        def ask(item: dict[str, object]) -> httpx.Response:
            parameters = {"temperature": 0, "max_new_tokens": WRITTEN, "top_logprobs": 1, "ignore_eos": True}
            asked = {"inputs": [item], "parameters": parameters}
            return httpx.post(f"{service.url}/v1/models/mine/predict", json=asked, timeout=60)

        def written(prompt: list[int]) -> list[int]:
            [output] = ask({"token_ids": prompt}).raise_for_status().json()["outputs"]
            return [token["id"] for token in output["tokens"]]

        expected = [generated(prompt) for prompt in PROMPTS]
        assert [written(prompt) for prompt in PROMPTS] == expected
        with ThreadPoolExecutor(len(PROMPTS)) as callers:
            assert list(callers.map(written, PROMPTS)) == expected
        too_long = ask({"text": "a" * 300})
        assert too_long.status_code == 422
        assert "maximum context length is 256 tokens; the prompt has 300 tokens" in too_long.text
        chat = ask({"messages": [{"role": "user", "content": "Hello"}]})
        assert "the model has no chat template: send a text" in chat.text
        completion = {"model": "mine", "prompt": "Once", "temperature": 0, "max_tokens": 8}
        answer = httpx.post(f"{service.url}/v1/completions", json=completion, timeout=60).raise_for_status().json()
        assert answer["usage"]["completion_tokens"] > 0


def test_a_setting_that_is_not_honoured_publishes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    path = save_small_decoder(folder, "gpt2") / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scale_attn_by_inverse_layer_idx": True}))

    assert imported(folder) == 1

    assert "has scale_attn_by_inverse_layer_idx true; a gpt2 can be exported with false only" in capsys.readouterr().err
    assert not list((tmp_path / "models").glob("*/*"))
