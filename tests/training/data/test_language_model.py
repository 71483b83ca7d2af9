import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_decoder import TEMPLATE, save_small_decoder, small_decoder
from test_gguf_file import write

from training.data.fetch.pypi import Package
from training.data.language_model import LanguageModel, PackagedModel, load_language_model
from training.errors import TrainingError
from training.networks.decoder import KINDS
from training.networks.plain_decoder import read

NONE = PackagedModel("nobody/nothing", "none", [Package("nothing", "0", sha256="0" * 64)], ["none.gguf"], "0" * 64)


def loaded(folder: Path) -> LanguageModel:
    return load_language_model(NONE, str(folder), folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_ones_own_is_loaded_with_its_weights(kind: str, tmp_path: Path) -> None:
    found = loaded(save_small_decoder(tmp_path, kind))

    ids = [3, 250, 17]
    with torch.inference_mode():
        expected = small_decoder(kind)(torch.tensor([ids])).logits[0].numpy()
    np.testing.assert_allclose(read(found.decoder, ids), expected, rtol=1e-4, atol=1e-4)
    assert (found.template, list(found.ends), found.is_packaged) == (TEMPLATE, [1], False)
    assert found.tokenizer.encode("ab").tokens == ["a", "b"]
    assert found.source.name == tmp_path.name


def test_weights_in_half_precision_are_read_as_fp32(tmp_path: Path) -> None:
    save_small_decoder(tmp_path)
    small_decoder("llama").to(torch.bfloat16).save_pretrained(tmp_path)

    assert loaded(tmp_path).decoder.lm_head.weight.dtype == np.float32


def test_several_ends_and_a_template_beside_the_tokenizer_are_read(tmp_path: Path) -> None:
    save_small_decoder(tmp_path, template="")
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 0]}))
    several = [{"name": "tools", "template": "t"}, {"name": "default", "template": "{{ messages }}"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": several}))

    found = loaded(tmp_path)

    assert (list(found.ends), found.template) == ([1, 0], "{{ messages }}")


def test_a_model_without_a_template_goes_on_with_texts(tmp_path: Path) -> None:
    assert loaded(save_small_decoder(tmp_path, template="")).template == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(
            {"model_type": "gptj"}, "holds a gptj; what can be exported is llama, qwen2, gpt2", id="another kind"
        ),
        pytest.param(
            {"hidden_act": "gelu"}, 'has hidden_act "gelu"; a llama can be exported with "silu" only', id="another gate"
        ),
        pytest.param({"num_hidden_layers": 3}, "lacks weights of a llama, such as model.layers.2", id="a layer lacks"),
        pytest.param(
            {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}, "dynamic", id="positions"
        ),
    ],
)
def test_what_cannot_be_exported_is_refused(change: dict[str, object], reason: str, tmp_path: Path) -> None:
    path = save_small_decoder(tmp_path) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))

    with pytest.raises(TrainingError, match=reason):
        loaded(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"activation_function": "relu"},
            'has activation_function "relu"; a gpt2 can be exported with "gelu_new" or "gelu"',
        ),
        ({"scale_attn_weights": False}, "has scale_attn_weights false; a gpt2 can be exported with true only"),
        ({"scale_attn_by_inverse_layer_idx": True}, "has scale_attn_by_inverse_layer_idx true"),
        ({"reorder_and_upcast_attn": True}, "has reorder_and_upcast_attn true"),
        ({"add_cross_attention": True}, "has add_cross_attention true"),
        ({"n_layer": 3}, "lacks weights of a gpt2, such as transformer.h.2"),
        ({"n_positions": 2048}, "cannot be loaded as a gpt2"),
    ],
)
def test_what_a_gpt2_would_compute_otherwise_is_refused(change: dict[str, object], reason: str, tmp_path: Path) -> None:
    path = save_small_decoder(tmp_path, "gpt2") / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))

    with pytest.raises(TrainingError, match=reason):
        loaded(tmp_path)


def test_weights_as_the_first_gpt2_names_them_are_read(tmp_path: Path) -> None:
    """Without the prefix of the whole network, and with the masks that attention had then."""
    path = save_small_decoder(tmp_path, "gpt2") / "model.safetensors"
    weights = {name.removeprefix("transformer."): weight for name, weight in load_file(path).items()}
    masks = {f"h.{layer}.attn.bias": torch.ones(1, 1, 1024, 1024) for layer in range(2)}
    save_file(weights | masks, path, {"format": "pt"})

    with torch.inference_mode():
        expected = small_decoder("gpt2")(torch.tensor([[3, 250, 17]])).logits[0].numpy()
    np.testing.assert_allclose(read(loaded(tmp_path).decoder, [3, 250, 17]), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json"])
def test_a_file_that_is_missing_is_named(name: str, tmp_path: Path) -> None:
    (save_small_decoder(tmp_path) / name).unlink()

    with pytest.raises(TrainingError, match=f"has no {name}"):
        loaded(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")

    with pytest.raises(TrainingError, match="and 0 "):
        loaded(tmp_path)


def test_a_tokenizer_that_knows_more_than_the_decoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="knows 258 tokens, and the decoder beside it 200"):
        loaded(save_small_decoder(tmp_path, words=200))


def test_a_file_in_parts_is_joined_and_is_used_only_if_it_is_the_pinned_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write(tmp_path / "whole.gguf", "qwen2", split="qwen2").read_bytes()
    packages = [Package(f"model-part{number}", "1.0", sha256=f"{number}" * 64) for number in (1, 2)]
    monkeypatch.setenv("TESSERA_CACHE", str(tmp_path / "cache"))
    for package, part in zip(packages, (content[:1000], content[1000:]), strict=True):
        shelf = tmp_path / "cache" / "packages" / f"{package.name}-1.0-{package.sha256[:12]}"
        shelf.mkdir(parents=True)
        (shelf / "part.bin").write_bytes(part)
    sha256 = hashlib.sha256(content).hexdigest()

    def packaged(sha256: str) -> PackagedModel:
        return PackagedModel("maker/small", "none", packages, ["part.bin"] * 2, sha256, also_ends=["<|endoftext|>"])

    found = load_language_model(packaged(sha256), None, tmp_path)

    assert (found.name, found.alias, list(found.ends)) == ("small", "maker/small", [1, 0])
    assert found.network().config.tie_word_embeddings is False
    assert found.source.name == "small (PyPI: model-part1 to model-part2)"
    with pytest.raises(TrainingError, match=f"its sha256 is {sha256} and must be {'0' * 64}"):
        load_language_model(packaged("0" * 64), None, tmp_path)
