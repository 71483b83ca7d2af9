"""Imported Whispers, small and of random weights, and tiny.en with its own: as transformers writes."""

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import transformers
from importing_models import imported
from services import running
from tiny_speech import file_of, tone
from tiny_whisper import save_whisper

from app.repository.repository import ModelRepository
from app.tasks.audio_input import FERRY
from app.tasks.speech.recording import read_recording
from training.data.own.recognizer import load_recognizer
from training.errors import TrainingError
from training.graphs import beside_transcripts
from training.recipes import own_recognizer


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings that cost little, one of which is longer than a window."""
    long = np.concatenate([tone(20.0), np.zeros(4000, np.float32), tone(15.0, hz=220)])
    monkeypatch.setattr(own_recognizer, "recordings", lambda: [FERRY, file_of(tone(1.5, hz=880)), file_of(long)])


def amend(folder: Path, file: str = "generation_config.json", **values: Any) -> None:
    path = folder / file
    amended = json.loads(path.read_text()) | values
    path.write_text(json.dumps({name: value for name, value in amended.items() if value is not None}))


def transcript(folder: Path, **asked: Any) -> str:
    """The text that the pipeline of transformers writes of the ferry."""
    pipeline: Any = transformers.pipeline  # typed by the names of tasks only
    network = transformers.WhisperForConditionalGeneration.from_pretrained(folder)
    network.generation_config.max_initial_timestamp_index = 50
    reader = transformers.AutoTokenizer.from_pretrained(folder)
    hears = transformers.WhisperFeatureExtractor.from_pretrained(folder)
    made = pipeline("automatic-speech-recognition", model=network, tokenizer=reader, feature_extractor=hears)
    most = network.config.max_target_positions // 2 - (3 if asked else 1)
    found: str = made(read_recording(FERRY, 60.0), generate_kwargs={"max_new_tokens": most, "num_beams": 1, **asked})[
        "text"
    ]
    return found.strip()


def test_a_whisper_of_languages_is_asked_through_http_as_the_pipeline_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_whisper(tmp_path / "mine", has_languages=True, mels=128, decoder_layers=1)

    assert imported(folder) == 0

    assert "predict -F file=@speech.wav" in capsys.readouterr().out
    with running(tmp_path / "models") as service:
        ask = f"{service.url}/v1/models/mine/predict"
        for parameters in ({}, {"language": "de"}, {"language": "en", "task": "translate"}):
            answer = httpx.post(ask, files={"file": FERRY}, data={"parameters": json.dumps(parameters)}, timeout=60)
            [output] = answer.raise_for_status().json()["outputs"]
            assert output["text"] == transcript(folder, **{"task": "transcribe", **parameters})
    manifest = ModelRepository(tmp_path / "models").read("mine", 1)
    assert (manifest.config["mels"], manifest.config["languages"]) == (128, ["en", "de"])
    assert manifest.metrics[0].name == "writes_as_transformers"


def test_a_whisper_of_english_has_8_bits_beside_it_if_they_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_whisper(tmp_path / "mine")
    monkeypatch.setattr(own_recognizer, "LEAST_AGREEMENT", 0.5)
    assert imported(folder, "--int8") == 0
    manifest = ModelRepository(tmp_path / "models").read("mine", 1)
    assert (manifest.config["languages"], manifest.config["language_ids"]) == (["en"], [])
    assert dict(manifest.variants["int8"].graphs)["decoder"] == "decoder.int8.onnx"
    assert [metric.name for metric in manifest.metrics] == ["writes_as_transformers", "int8_agreement"]

    monkeypatch.setattr(own_recognizer, "LEAST_AGREEMENT", 1.1)
    assert imported(folder, "--int8") == 0
    assert "not published in 8 bits, in which it finds" in capsys.readouterr().err
    assert not ModelRepository(tmp_path / "models").read("mine", 2).variants


@pytest.mark.parametrize(
    ("file", "values", "reason"),
    [
        ("generation_config.json", {"lang_to_id": None, "is_multilingual": True}, "without lang_to_id"),
        ("generation_config.json", {"repetition_penalty": 1.3}, "has repetition_penalty: 1.3, which is not honoured"),
        ("generation_config.json", {"no_repeat_ngram_size": 2}, "has no_repeat_ngram_size: 2"),
        ("generation_config.json", {"task": "translate"}, "it translates by default"),
        ("generation_config.json", {"language": "welsh"}, "has language: welsh, which is not in its lang_to_id"),
        ("generation_config.json", {"eos_token_id": 5}, "says that eos_token_id is 5, and its tokenizer that it is"),
        ("preprocessor_config.json", {"chunk_length": 20}, "hears with chunk_length 20"),
        ("preprocessor_config.json", {"feature_size": 128}, "hears with feature_size 128"),
    ],
)
def test_what_is_not_served_is_refused_in_a_sentence(
    file: str, values: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    folder = save_whisper(tmp_path / "mine", has_languages=True)
    amend(folder, file, **values)
    with pytest.raises(TrainingError, match=reason):
        load_recognizer(str(folder))


def test_what_is_missing_or_of_another_size_is_refused(tmp_path: Path) -> None:
    shorter = save_whisper(tmp_path / "shorter", places=20)
    with pytest.raises(TrainingError, match="reads 20 places"):
        load_recognizer(str(shorter))
    (shorter / "preprocessor_config.json").unlink()
    amend(shorter, "config.json", max_source_positions=1500)
    with pytest.raises(TrainingError, match="cannot be loaded as a whisper"):
        load_recognizer(str(shorter))
    deaf = save_whisper(tmp_path / "deaf")
    (deaf / "preprocessor_config.json").unlink()
    with pytest.raises(TrainingError, match=r"has no preprocessor_config\.json"):
        load_recognizer(str(deaf))


@pytest.mark.parametrize(
    "values", [{"language": "german"}, {"language": "<|de|>"}, {"forced_decoder_ids": [[1, 263], [2, 264]]}]
)
def test_a_language_that_is_stated_is_taken_where_a_request_names_none(values: dict[str, Any], tmp_path: Path) -> None:
    folder = save_whisper(tmp_path / "mine", has_languages=True)
    assert load_recognizer(str(folder)).config.default_language is None
    amend(folder, **values)
    assert load_recognizer(str(folder)).config.default_language == "de"


def test_a_transcript_that_differs_is_not_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_whisper(tmp_path / "mine")
    monkeypatch.setattr(beside_transcripts, "_generated", lambda *asked: [266, 5, 259])
    assert imported(folder) == 1
    assert "it writes otherwise than transformers from token 0 on" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()
