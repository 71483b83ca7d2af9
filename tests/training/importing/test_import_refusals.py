"""Whatever cannot be imported is refused in one sentence, and nothing of it is published."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from importing_models import imported
from own_sequence_folders import save_sequence_model
from safetensors.torch import load_file, save_file
from tiny_encoders import save_encoder
from tokenizers import Tokenizer

from training.errors import TrainingError
from training.importing import beside_pipeline
from training.importing.architectures import task_of
from training.importing.command import name_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_encoder(tmp_path / "mine", "bert", "ForSequenceClassification", num_labels=3)


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert imported(folder, *options) == 1
    assert not list((folder.parent / "models").glob("*/*"))
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("error: ")
    return last


def amend(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text()) | values
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))


def test_a_folder_must_tell_its_architecture_and_hold_weights(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "model.safetensors").rename(folder / "kept")
    assert refused(folder, capsys).endswith("has no *.safetensors")
    (folder / "config.json").unlink()
    assert refused(folder, capsys).endswith("has no config.json, so nothing tells which architecture it is")
    assert "is neither a folder nor the id of a model on the hub" in refused(folder.parent / "absent", capsys)


def test_a_pickle_is_refused_with_the_command_that_converts_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    told = refused(folder, capsys)
    assert "has its weights in pytorch_model.bin, and no *.safetensors" in told
    code = told.partition('python -c "')[2].removesuffix('"')
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)
    converted = load_file(folder / "model.safetensors")
    assert converted.keys() == weights.keys()
    assert all(torch.equal(converted[name], weights[name]) for name in weights)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"architectures": ["BertForPreTraining"]}, "BertForPreTraining is no architecture that can be imported"),
        ({"architectures": None}, "config.json names no architecture; say with --task"),
        ({"auto_map": {"AutoModel": "model.Mine"}}, "names code of its own (auto_map), which is never run"),
        ({"model_type": "unheard-of"}, "config.json cannot be read"),
        ({"model_type": "t5"}, "lacks weights of T5ForSequenceClassification, such as"),
        (
            {"num_labels": 4, "id2label": None, "label2id": None},
            "has classifier.bias of [3] numbers, and config.json asks for [4]",
        ),
        ({"id2label": ["a", "b", "c"]}, "config.json cannot be read: 'list' object"),
        (
            {"id2label": {"0": "a", "1": "b", "7": "c"}},
            "id2label in config.json has 3 labels, and none of them is number 2",
        ),
        ({"id2label": {"0": "a", "1": "b", "2": 3}}, "id2label in config.json calls number 2 3, which is no text"),
        ({"hidden_size": "32"}, "config.json cannot be read: Validation error for field 'hidden_size': TypeError"),
        ({"dtype": "nonsense"}, "config.json cannot be read"),
        ({"hidden_act": "nonsense"}, "cannot be loaded as AutoModelForSequenceClassification"),
    ],
)
def test_what_its_configuration_asks_for_must_be_there(
    values: dict[str, Any], reason: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    amend(folder, **values)
    assert reason in refused(folder, capsys)


def test_weights_that_would_be_drawn_by_chance_are_missed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert "lacks weights of BertForSequenceClassification, such as classifier.weight" in refused(folder, capsys)
    (folder / "model.safetensors").write_bytes(b"half a file")
    assert "cannot be loaded as AutoModelForSequenceClassification" in refused(folder, capsys)


def test_a_tokenizer_must_know_no_more_than_the_network(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_tokens([f"more{i}" for i in range(401 - tokenizer.get_vocab_size())])
    tokenizer.save(str(folder / "tokenizer.json"))
    assert "knows 401 tokens, and the network 400" in refused(folder, capsys)
    (folder / "tokenizer.json").write_text("{")
    assert "has no tokenizer that can be read" in refused(folder, capsys)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_tokenizer_to_which_all_words_are_unknown_is_none(
    is_named: bool, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "tokenizer.json").unlink()
    settings = folder / "tokenizer_config.json"  # alone it makes an empty one, as nothing at all does
    settings.write_text('{"tokenizer_class": "BertTokenizer"}') if is_named else settings.unlink()
    assert "has no tokenizer: a tokenizer.json is missing" in refused(folder, capsys)


@pytest.mark.parametrize(
    ("length", "reason"),
    [
        ("512", "states no number of tokens that can be read: '<' not supported"),
        (2, "states what cannot be served: max_tokens 2: Input should be greater than or equal to 8"),
    ],
)
def test_a_tokenizer_must_state_a_length_that_texts_can_have(
    length: Any, reason: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_max_length": length}))
    assert reason in refused(folder, capsys)


@pytest.mark.parametrize("modules", ["[1, 2]", "null", "[{}, 3]"])
def test_what_sentence_transformers_left_must_be_readable(
    modules: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "modules.json").write_text(modules)
    assert "what sentence-transformers left in" in refused(folder, capsys)


def test_a_graph_that_answers_otherwise_is_not_published(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside_pipeline, "TOLERANCE", -1.0)
    assert "it answers alone otherwise than transformers: the answer.0.score is" in refused(folder, capsys)


def test_an_import_that_is_stopped_promises_no_resuming(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["BertModel"]}')
    os.mkfifo(folder / "model.safetensors")
    command = [sys.executable, "-m", "training", "import", str(folder), "--models", str(tmp_path / "models")]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[3], stderr=subprocess.PIPE, text=True)
    with (folder / "model.safetensors").open("wb"):  # opens as soon as the import reads it
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert told.splitlines()[-1] == "interrupted; nothing half made was published"


def test_options_that_would_change_nothing_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "takes no --languages and no --prefix" in refused(folder, capsys, "--prefix", "say: ")
    assert "is the name of a model that was not imported" in refused(folder, capsys, "--name", "reviews-sentiment")
    assert "'Mine!' is no name for a model" in refused(folder, capsys, "--name", "Mine!")


@pytest.mark.parametrize(
    ("config", "task"),
    [
        ({"architectures": ["MarianMTModel"]}, "translation"),
        (
            {"architectures": ["T5ForConditionalGeneration"], "task_specific_params": {"summarization": {}}},
            "summarization",
        ),
        (
            {"architectures": ["BartForConditionalGeneration"], "task_specific_params": {"translation_en_to_de": {}}},
            "translation",
        ),
        ({"architectures": ["Qwen2ForCausalLM"]}, "text-generation"),
        ({"architectures": ["WhisperForConditionalGeneration"]}, "automatic-speech-recognition"),
    ],
)
def test_models_that_write_are_told_by_their_configuration(config: dict[str, Any], task: str) -> None:
    assert task_of(config) == task


def test_a_model_that_may_translate_or_summarise_asks_which() -> None:
    with pytest.raises(TrainingError, match="say with --task translation or --task summarization"):
        task_of({"architectures": ["T5ForConditionalGeneration"]})


def test_a_writer_goes_through_its_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save_sequence_model(tmp_path / "own", "marian", "$A <|im_end|>")
    assert "--languages must tell which language it reads" in refused(folder, capsys)


def test_a_name_is_made_of_the_last_part_of_the_source() -> None:
    assert name_of("someone/My_BERT.v2@main") == "my-bert-v2"
    with pytest.raises(TrainingError, match="choose one with --name"):
        name_of("someone/___")
