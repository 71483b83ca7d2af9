"""The recipe of a model that writes text, of small decoders with random weights."""

from pathlib import Path

import pytest
from small_decoder import END, TEMPLATE, save_small_decoder

from training.errors import TrainingError
from training.networks.decoder import KINDS
from training.recipe import Draft, Run
from training.recipes.smollm2_instruct import RECIPE
from training.recipes.writer import GOLDEN_TOKENS


def made(folder: Path, kind: str, *, template: str = TEMPLATE, variants: bool = True) -> Draft:
    source, workdir = folder / "source", folder / "work"
    source.mkdir()
    workdir.mkdir()
    save_small_decoder(source, kind, template)
    run = Run(workdir, tiny=True, variants=variants, source=str(source))
    try:
        return RECIPE.make(RECIPE.load(run), run)
    except TrainingError as error:
        if "cannot download" in str(error):
            pytest.skip(str(error))
        raise


@pytest.mark.parametrize("kind", KINDS)
def test_a_decoder_of_ones_own_becomes_a_draft(kind: str, tmp_path: Path) -> None:
    draft = made(tmp_path, kind)

    metrics = {metric.name: metric for metric in draft.metrics}
    assert metrics["writes_as_transformers"].value == 1
    assert set(metrics["perplexity"].baselines) == {"int8", "blocks8", "blocks4"}
    assert draft.exported.verification.batch_n < 1e-3
    assert draft.config["context"] == 1024
    assert (draft.config["eos_token_ids"], draft.config["eos_token"]) == ([1], END)
    assert draft.config["aliases"] == []
    assert draft.has_own_data
    assert {"model.onnx", "tokenizer.json", "chat_template.jinja"} <= draft.files.keys()
    for name, variant in draft.variants.items():
        assert draft.files[variant.graphs["model"]].name == f"model.{name}.onnx"
    assert "| fp32 |" in draft.sections["fp32 and fewer bits"]


def test_candidates_are_published_only_when_asked_for(tmp_path: Path) -> None:
    draft = made(tmp_path, "llama", variants=False)

    assert not draft.variants
    assert not [name for name in draft.files if name.startswith("model.") and name != "model.onnx"]


def test_golden_examples_are_greedy_and_short(tmp_path: Path) -> None:
    draft = made(tmp_path, "llama", variants=False)

    assert len(draft.examples) == 3
    for example in draft.examples:
        assert example.parameters == {"temperature": 0, "max_new_tokens": GOLDEN_TOKENS}
        assert example.input["messages"][0]["role"] == "user"


def test_a_model_without_a_template_is_given_texts(tmp_path: Path) -> None:
    draft = made(tmp_path, "llama", template="", variants=False)

    assert "chat_template.jinja" not in draft.files
    assert draft.config["chat_template"] is None
    assert set(draft.examples[0].input) == {"text"}
