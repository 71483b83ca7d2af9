"""The recipe of a user's own encoder-decoder, of small ones with random weights."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from own_sequence_folders import save_mbart, save_sequence_model
from random_sequence_models import random_model

from app.errors import InvalidInput
from app.tasks.translation import TranslationInput, TranslationParameters
from app.tasks.view import predict_alone, predict_json
from training.__main__ import main
from training.build import open_draft
from training.errors import TrainingError
from training.recipe import Draft, Run
from training.recipes import own_sequences
from training.recipes.own_translator import RECIPE

FORMS = {
    "t5": "$A <|im_start|>",
    "t5-gated": "$A <|im_start|>",
    "bart": "<|endoftext|> $A <|im_end|>",
    "marian": "$A <|im_end|>",
}


def made(folder: Path, languages: str | None = "en,de", prefix: str | None = None) -> Draft:
    workdir = folder / "work"
    workdir.mkdir()
    run = Run(workdir, tiny=True, source=str(folder / "own"), languages=languages, prefix=prefix)
    return RECIPE.make(RECIPE.load(run), run)


def amend(folder: Path, file: str, **values: object) -> None:
    path = folder / "own" / file
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("name", FORMS)
def test_it_writes_as_transformers_before_it_is_a_draft(name: str, tmp_path: Path) -> None:
    save_sequence_model(tmp_path / "own", name, FORMS[name])
    draft = made(tmp_path, prefix="say: ")
    (metric,) = draft.metrics
    assert (metric.name, metric.value) == ("writes_as_transformers", 1.0)
    assert draft.exported.verification.batch_n < 1e-4
    assert draft.config["prefix"] == "say: "
    assert draft.config["start_id"] == random_model(name).config.decoder_start_token_id
    view, sessions = open_draft("translation", draft)
    text = "It is late. No!"
    found = predict_alone(view, sessions, TranslationInput(text=text), TranslationParameters())
    expected = []
    for sentence in ("It is late.", "No!"):
        ids = view.kernel.ids(sentence)
        most = view.kernel.prompt_of(view.kernel.row(ids)).max_new_tokens
        written = random_model(name).generate(torch.tensor([ids]), max_new_tokens=most, forced_eos_token_id=None)
        expected.append(view.kernel.text(written[0, 1:].tolist()))
    assert found.translation_text == " ".join(expected)


def test_it_has_8_bits_beside_fp32_if_they_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_sequence_model(tmp_path / "own", "marian", FORMS["marian"])
    workdir = tmp_path / "work"
    workdir.mkdir()
    run = Run(workdir, tiny=True, source=str(tmp_path / "own"), languages="en,de", variants=True)
    model = RECIPE.load(run)
    monkeypatch.setattr(own_sequences, "LEAST_AGREEMENT", 0.5)
    draft = RECIPE.make(model, run)
    same, agreement = draft.metrics
    assert (same.value, agreement.name) == (1.0, "int8_agreement")
    assert 0.5 < agreement.value <= 1
    variant = draft.variants["int8"]
    assert set(variant.graphs.values()) < set(draft.files)
    views = [open_draft("translation", replace(draft, **dict(one))) for one in ({}, variant)]
    for example in draft.examples:  # golden ones are for all
        texts = [predict_json(*one, example.input, example.parameters)["translation_text"] for one in views]
        assert texts[0] == texts[1]
    monkeypatch.setattr(own_sequences, "LEAST_AGREEMENT", 1.1)
    fewer = RECIPE.make(model, run)
    assert not fewer.variants
    assert "int8" not in " ".join(fewer.files)


def test_a_configuration_tells_the_prefix_and_what_may_not_be_written(tmp_path: Path) -> None:
    save_sequence_model(tmp_path / "own", "t5", FORMS["t5"])
    amend(tmp_path, "config.json", task_specific_params={"translation_en_to_de": {"prefix": "into German: "}})
    settings = {"bad_words_ids": [[7], [5]], "suppress_tokens": [9], "no_repeat_ngram_size": 3, "min_length": 4}
    amend(tmp_path, "generation_config.json", num_beams=4, forced_bos_token_id=77, **settings)
    draft = made(tmp_path)
    config = {
        name: draft.config[name] for name in ("prefix", "forbidden_ids", "no_repeat_ngram_size", "min_new_tokens")
    }
    assert list(config.values()) == ["into German: ", (5, 7, 9), 3, 2]
    assert draft.config["answer_form"] == (0, 77)
    assert draft.metrics[0].value == 1
    assert "4 beams" in draft.limits[-1]


def test_several_languages_are_chosen_by_the_caller(tmp_path: Path) -> None:
    save_mbart(tmp_path / "own")
    draft = made(tmp_path, languages="en_XX,de_DE")
    languages = draft.config["languages"]
    assert draft.config["source_form"] == ("text", 2, "language")
    assert draft.config["answer_form"] == (2, "language")
    assert len(languages) == 25
    view, sessions = open_draft("translation", draft)
    texts = {}
    for target in ("de_DE", "fr_XX"):
        parameters = TranslationParameters(tgt_lang=target)
        found = predict_alone(view, sessions, TranslationInput(text="the ferry"), parameters)
        ids = view.kernel.ids("the ferry", languages["en_XX"])
        most = view.kernel.prompt_of(view.kernel.row(ids, languages[target])).max_new_tokens
        written = random_model("mbart").generate(
            torch.tensor([ids]),
            max_new_tokens=most + 1,
            forced_bos_token_id=languages[target],
            forced_eos_token_id=None,
        )
        assert found.translation_text == view.kernel.text(written[0, 2:].tolist())
        texts[target] = found.translation_text
    assert texts["de_DE"] != texts["fr_XX"]
    with pytest.raises(InvalidInput, match=r"is pt, and the languages of this model are ar_AR, cs_CZ, .*zh_CN"):
        view.check(TranslationParameters(src_lang="pt"))


@pytest.mark.parametrize(
    ("file", "values", "reason"),
    [
        ("config.json", {"model_type": "llama"}, "holds a llama; what can be exported is t5, mt5, marian"),
        ("config.json", {"dense_act_fn": "tanh"}, "has tanh; what can be exported is relu"),
        ("config.json", {"d_kv": 12}, "cannot be loaded as a t5"),
        ("generation_config.json", {"repetition_penalty": 1.2}, "has repetition_penalty: 1.2, which is not honoured"),
        ("generation_config.json", {"do_sample": True}, "has do_sample: True"),
        ("generation_config.json", {"bad_words_ids": [[4, 5]]}, "bad_words_ids of several tokens"),
        ("generation_config.json", {"eos_token_id": [1, 5]}, "must have one eos_token_id"),
    ],
)
def test_what_is_not_honoured_is_refused(file: str, values: dict, reason: str, tmp_path: Path) -> None:
    save_sequence_model(tmp_path / "own", "t5", FORMS["t5"])
    amend(tmp_path, file, **values)
    with pytest.raises(TrainingError, match=reason):
        made(tmp_path)


def test_weights_that_may_run_code_are_refused_and_so_is_a_pair_that_nobody_tells(tmp_path: Path) -> None:
    save_sequence_model(tmp_path / "own", "t5", FORMS["t5"])
    with pytest.raises(TrainingError, match="--languages must tell"):
        made(tmp_path, languages=None)
    (tmp_path / "own" / "model.safetensors").rename(tmp_path / "own" / "pytorch_model.bin")
    with pytest.raises(
        TrainingError, match=r"weights in pytorch_model.bin, and no \*.safetensors: such a file may run"
    ):
        RECIPE.load(Run(tmp_path, source=str(tmp_path / "own")))
    with pytest.raises(TrainingError, match="needs --source"):
        RECIPE.load(Run(tmp_path))


def test_other_recipes_take_no_languages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--models", str(tmp_path / "models"), "--workdir", str(tmp_path / "work")]
    assert main(["translator-en-pt", "--prefix", "summarize: ", *folders]) == 1
    assert "takes no --languages and no --prefix" in capsys.readouterr().err
