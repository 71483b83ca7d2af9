"""The recipe of a model that writes text, of small decoders with random weights."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from small_decoder import END, TEMPLATE, save_small_decoder

from app.errors import InvalidArtifact
from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.loading import Loaded, load
from app.tasks.view import predict_json
from training.build import golden_examples, open_draft
from training.data.language_model import LanguageModel
from training.errors import TrainingError
from training.graphs import writer
from training.measures.candidates import DecoderCandidate
from training.measures.decoding import Read
from training.networks.decoder import KINDS
from training.recipe import Draft, Recipe, Run
from training.recipes import writer as common
from training.recipes.qwen_coder_instruct import RECIPE as QWEN
from training.recipes.smollm2_instruct import RECIPE
from training.recipes.writer import GOLDEN_TOKENS, _with_examples


def made(
    folder: Path,
    kind: str,
    *,
    template: str = TEMPLATE,
    variants: bool = True,
    recipe: Recipe[LanguageModel] = RECIPE,
) -> Draft:
    source, workdir = folder / "source", folder / "work"
    source.mkdir()
    workdir.mkdir()
    save_small_decoder(source, kind, template)
    run = Run(workdir, tiny=True, variants=variants, source=str(source))
    try:
        return recipe.make(recipe.load(run), run)
    except TrainingError as error:
        if "cannot download" in str(error):
            pytest.skip(str(error))
        raise


@pytest.mark.parametrize("kind", KINDS)
def test_a_decoder_of_ones_own_becomes_a_draft(kind: str, tmp_path: Path) -> None:
    draft = made(tmp_path, kind)

    metrics = {metric.name: metric for metric in draft.metrics}
    assert metrics["writes_as_transformers"].value == 1
    gated = {"mixed8"} if kind != "gpt2" else set()  # without gates it would be blocks8
    assert set(metrics["perplexity"].baselines) == {"int8", "digits8", "blocks8", "blocks4"} | gated
    assert draft.exported.verification.batch_n < 1e-3
    assert draft.config["context"] == 1024
    assert (draft.config["eos_token_ids"], draft.config["eos_token"]) == ([1], END)
    assert draft.config["aliases"] == []
    assert draft.has_own_data
    assert {"model.onnx", "tokenizer.json", "chat_template.jinja"} <= draft.files.keys()
    for name, variant in draft.variants.items():
        assert draft.files[variant.graphs["model"]].name == f"model.{name}.onnx"
    assert (draft.graphs, draft.precision) == ({"model": "model.onnx"}, "fp32")
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


def served(draft: Draft, root: Path) -> Loaded:
    """Publish a draft as it is, and load it as the service does."""
    view, sessions = open_draft("text-generation", draft)
    manifest = publish(
        root,
        "large",
        draft.files,
        task="text-generation",
        runtime=draft.runtime,
        precision=draft.precision,
        graphs=draft.graphs,
        inputs=draft.exported.inputs,
        outputs=draft.exported.outputs,
        config=draft.config,
        golden=golden_examples(partial(predict_json, view, sessions), draft),
    )
    repository = ModelRepository(root)
    return load(manifest, lambda: repository.verify(manifest), RuntimeOptions(device="cpu", threads=1))


def test_what_one_file_cannot_hold_in_fp32_is_published_in_8_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_INSIDE", 200_000)  # fp32 of the untied decoder has .5 MB, blocks of 8 bits .13

    draft = made(tmp_path, "qwen2", variants=False, recipe=QWEN)

    metrics = {metric.name: metric for metric in draft.metrics}
    assert (draft.graphs, draft.precision) == ({"model": "model.blocks8.onnx"}, "int8")
    assert metrics["agreement_with_fp32"].value >= common.LEAST_AGREEMENT
    assert set(metrics["perplexity"].baselines) == {"fp32", "int8", "mixed8", "digits8", "blocks4"}
    assert "model.onnx" not in draft.files
    assert "天空" in draft.examples[0].input["messages"][0]["content"]
    assert served(draft, tmp_path / "models").stepping is not None


def test_a_large_decoder_that_needs_fp32_is_published_with_its_weights_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_INSIDE", 1000)
    monkeypatch.setattr(common, "LEAST_AGREEMENT", 1.0)
    monkeypatch.setattr(common, "LARGE", "int8")  # which differs from fp32 on the held-out texts

    draft = made(tmp_path, "qwen2", variants=False)

    assert draft.files.keys() >= {"model.onnx", "model.onnx.data"}
    models = tmp_path / "models"
    assert served(draft, models).stepping is not None
    weights = models / "large" / "1" / "model.onnx.data"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    repository = ModelRepository(models)
    manifest = repository.read("large", 1)
    with pytest.raises(InvalidArtifact, match=r"model\.onnx\.data has sha256"):
        repository.verify(manifest)


def test_a_variant_stays_out_that_would_leave_no_golden_example() -> None:
    def candidate(*written: Sequence[int]) -> DecoderCandidate:
        return DecoderCandidate(Read(1.0, np.array([])), written, 1.0)

    found = {
        "fp32": candidate([1], [2], [3]),
        "other": candidate([9], [9], [9]),
        "near": candidate([1], [9], [3]),
        "far": candidate([9], [2], [9]),  # alike, but where "near" is not
    }
    assert _with_examples("abc", found, "fp32", ["other", "near", "far"]) == (["near"], ["a", "c"])
    assert _with_examples("abc", found, "fp32", []) == ([], ["a", "b", "c"])
