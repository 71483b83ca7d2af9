"""The recipes of speech recognizers, of a small Whisper with random weights, and of tiny.en on what people said."""

from pathlib import Path

import numpy as np
import pytest
from tiny_speech import CONFIG, file_of, loudness, tokenizer, tone
from tiny_whisper import generated, random_whisper

from app.repository.manifest import Source
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.loading import load
from app.tasks.speech.recording import RATE
from app.tasks.speech_recognition import SpeechConfig, SpeechKernel, SpeechRecognition
from training.build import build
from training.card.transcripts import shown
from training.data.spoken_texts import Spoken, load_readings
from training.data.whisper_models import TINY_EN, TOKENIZER, Whisper
from training.errors import TrainingError
from training.graphs import beside_whisper
from training.measures.transcripts import transcribed
from training.recipe import Draft, Recipe, Run
from training.recipes.recognizer import MAIN, Recordings, draft, features_of, opened, write_graphs
from training.recipes.speech_recognizer import RECIPE as TINY
from training.recipes.speech_recognizer_base import RECIPE as BASE

NOWHERE = Source(name="nowhere", version="0", licence="CC0-1.0")


def sounds(folder: Path) -> list[Spoken]:
    noise = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32) / 8
    made = {"low": tone(1.5, hz=220), "high": tone(0.7, hz=1760), "noise": noise}
    for name, samples in made.items():
        (folder / f"{name}.wav").write_bytes(file_of(samples))
    return [Spoken(f"a sound that is {name}", folder / f"{name}.wav") for name in made]


def small(folder: Path) -> Whisper:
    tokenizer().save(str(folder / "given.json"))
    return Whisper(random_whisper(), folder / "given.json", SpeechConfig(**CONFIG))


def made(folder: Path, *, variants: bool = False) -> Draft:
    folder.mkdir(exist_ok=True)
    spoken = sounds(folder)
    vad = loudness(folder / "loud.onnx")
    recordings = Recordings(spoken[:1], spoken[1:])
    return draft(small(folder), vad, NOWHERE, recordings, Run(folder, variants=variants), "Noise.")


def words(whisper: Whisper, spoken: list[Spoken], folder: Path) -> list[tuple[list[int], list[int]]]:
    """Of each recording the tokens that the graphs write, without the end, and those that transformers generates."""
    kernel = SpeechKernel(whisper.config, {TOKENIZER: whisper.tokenizer})
    features = features_of(kernel, spoken)
    sessions = opened(write_graphs(whisper.network, folder, MAIN))
    pairs = []
    for one, window in zip(spoken, features, strict=True):
        [heard] = transcribed(SpeechRecognition(kernel), sessions, one.path.read_bytes()).heard
        ids = [id for id in heard.ids[heard.asked :] if id != whisper.config.end_id]
        pairs.append(
            (ids, [id for id in generated(whisper.network, whisper.config, window) if id != whisper.config.end_id])
        )
    return pairs


def test_the_graphs_of_a_random_whisper_write_what_transformers_generates(tmp_path: Path) -> None:
    pairs = words(small(tmp_path), sounds(tmp_path), tmp_path)

    assert all(ours == theirs for ours, theirs in pairs)
    assert len({tuple(ours) for ours, _ in pairs}) == len(pairs)
    assert max(len(set(ours)) for ours, _ in pairs) > 5


def test_tiny_en_writes_down_what_people_said_as_transformers_does(tmp_path: Path) -> None:
    whisper, spoken = TINY_EN.load(tmp_path), load_readings()[4:]

    pairs = words(whisper, spoken, tmp_path)

    assert all(ours == theirs for ours, theirs in pairs)
    text = SpeechKernel(whisper.config, {TOKENIZER: whisper.tokenizer}).text
    assert text(pairs[0][0]) == " He might even have been made amiable himself."


def test_a_draft_is_published_and_served_with_its_golden_examples(tmp_path: Path) -> None:
    task = "automatic-speech-recognition"
    recipe = Recipe(name="noise", task=task, load=lambda run: None, make=lambda data, run: made(run.workdir))

    manifest = build(recipe, Run(tmp_path / "work"), tmp_path / "models")

    assert len(manifest.golden) == 2
    assert all(one.output["text"] for one in manifest.golden)
    figures = {metric.name: metric.value for metric in manifest.metrics}
    assert figures["same_as_transformers"] == 1
    assert figures["real_time_factor"] > 0
    repository = ModelRepository(tmp_path / "models")
    loaded = load(manifest, lambda: repository.verify(manifest), RuntimeOptions(device="cpu", threads=1))
    assert loaded.stepping is not None


def test_graphs_that_differ_from_transformers_are_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside_whisper, "LARGEST_DIFFERENCE", 0.0)

    with pytest.raises(TrainingError, match="the graphs differ from transformers by"):
        made(tmp_path)


def test_a_variant_in_8_bits_is_published_beside_it(tmp_path: Path) -> None:
    found = made(tmp_path, variants=True)

    assert dict(found.variants["int8"].graphs) == {
        "encoder": "encoder.int8.onnx",
        "decoder": "decoder.int8.onnx",
        "vad": "loud.onnx",
    }
    assert found.files.keys() >= {"encoder.int8.onnx", "decoder.int8.onnx", "encoder.onnx", "decoder.onnx"}
    assert found.files["decoder.int8.onnx"].stat().st_size < found.files["decoder.onnx"].stat().st_size
    assert "| int8 |" in found.sections["What each precision costs"]


def test_the_shown_recordings_are_drawn_by_a_seed(tmp_path: Path) -> None:
    spoken = [Spoken(f"text {at}", tmp_path) for at in range(40)]
    written = [type("Written", (), {"text": f"Text {at}."}) for at in range(40)]
    assert shown(spoken, written, 1) == shown(spoken, written, 1) != shown(spoken, written, 2)


@pytest.mark.parametrize("recipe", [TINY, BASE])
def test_what_is_not_good_enough_is_not_published(recipe: Recipe[Recordings]) -> None:
    assert recipe.must_reach.keys() == {"word_accuracy", "same_as_transformers"}
    assert min(recipe.must_reach.values()) > 0.8
