"""The common part of recipes of speech recognizers: Whisper from packages as two graphs, compared and measured."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
from transformers import WhisperForConditionalGeneration

from app.repository.manifest import Metric, Source
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.file_bytes import to_base64
from app.tasks.speech.features import FRAMES, WINDOW, WINDOW_S, log_mel
from app.tasks.speech.recording import read_recording
from app.tasks.speech_recognition import SpeechKernel, SpeechRecognition
from app.tensors import Array, sequence_decoder_of
from training.card.markdown import table
from training.card.prose import Prose
from training.data.spoken_texts import PROMPTS_SOURCE, READINGS_SOURCE, Spoken, load_prompts, load_readings
from training.data.voice_activity import VOICE_ACTIVITY_SOURCE, voice_activity_graph
from training.data.whisper_models import TOKENIZER, PackagedWhisper, Whisper
from training.errors import progress
from training.graphs.beside_whisper import is_greedy, largest_difference
from training.graphs.export import proven
from training.graphs.products import Fp32DecoderProducts
from training.graphs.sequence_model import write_token_step
from training.graphs.sound_encoder import write_sound_encoder
from training.measures.transcripts import Transcribed, error_rate, transcribed
from training.networks.sequence_models import parts_of
from training.networks.whisper import CrossStates
from training.recipe import Draft, Example, Exported, Recipe, Run

TOLERANCE = 2e-4  # of keys and values, which are up to 20
ALIKE = 0.98  # of the windows: sums in another order decide between two tokens that are as likely
FEW = 2  # recordings of a tiny run
SHOWN = 10
EXAMPLES: Sequence[dict[str, bool]] = ({}, {"return_timestamps": True})
PROSE = Prose(__name__)


class Recordings(NamedTuple):
    prompts: Sequence[Spoken]
    readings: Sequence[Spoken]


def recipe_of(name: str, packaged: PackagedWhisper, description: str, word_accuracy: float) -> Recipe[Recordings]:
    """The recipe of a Whisper; `word_accuracy` is what it must reach on the prompts."""

    def load(run: Run) -> Recordings:
        few = FEW if run.tiny else None
        return Recordings(load_prompts()[:few], load_readings()[:few])

    def make(recordings: Recordings, run: Run) -> Draft:
        whisper, vad = packaged.load(run.workdir), voice_activity_graph()
        return draft(whisper, vad, packaged.source, recordings, run, description)

    # The bars were chosen before the test was read.
    bars = {"word_accuracy": word_accuracy, "same_as_transformers": ALIKE}
    return Recipe(name=name, task="automatic-speech-recognition", load=load, make=make, must_reach=bars)


def draft(whisper: Whisper, vad: Path, source: Source, recordings: Recordings, run: Run, description: str) -> Draft:
    """Write both graphs, compare them with transformers, and write down the recordings. Raises TrainingError."""
    network, config = whisper.network, whisper.config
    view = SpeechRecognition(SpeechKernel(config, {TOKENIZER: whisper.tokenizer}))
    encoder, decoder = write_graphs(network, run.workdir, features_of(view.kernel, recordings.readings[:FEW]))
    paths = {"encoder": encoder.path, "decoder": decoder, "vad": vad}
    sessions = {name: load_onnx(path, RuntimeOptions(device="cpu")) for name, path in paths.items()}
    progress(f"listening to {sum(map(len, recordings))} recordings")
    prompts, readings = ([transcribed(view, sessions, one.path.read_bytes()) for one in some] for some in recordings)
    windows = [window for one in (*readings, *prompts) for window in one.heard]
    cache = sequence_decoder_of(sessions["encoder"], sessions["decoder"], 1, config.context, FRAMES // 2)
    difference = largest_difference(network, config, cache, windows[: len(readings)])
    same = sum(is_greedy(network, config, window) for window in windows) / len(windows)
    return Draft(
        description=description,
        licence=source.licence,
        files={**{f"{name}.onnx": path for name, path in paths.items()}, TOKENIZER: whisper.tokenizer},
        graphs={name: f"{name}.onnx" for name in paths},
        config=config.model_dump(),
        exported=encoder,
        metrics=[
            accuracy("word_accuracy", PROMPTS_SOURCE, recordings.prompts, prompts),
            accuracy("word_accuracy_read", READINGS_SOURCE, recordings.readings, readings),
            Metric(
                name="same_as_transformers",
                value=same,
                dataset="both",
                split=f"{len(windows)} windows: the share in which transformers finds each token the likeliest",
            ),
            real_time_factor(prompts),
        ],
        sources=[source, VOICE_ACTIVITY_SOURCE, PROMPTS_SOURCE, READINGS_SOURCE],
        examples=[Example({"audio": as_flac(recordings.readings[0])}, parameters) for parameters in EXAMPLES],
        sections={f"{SHOWN} recordings of the test, drawn by a seed": shown(recordings.prompts, prompts, run.seed)},
        limits=PROSE.items("Limits"),
        notes=PROSE.text("Notes", difference=f"{difference:.1e}"),
    )


def features_of(kernel: SpeechKernel, spoken: Sequence[Spoken]) -> Array:
    """Spectrograms of the first windows, fp32 [recordings, mels, FRAMES]."""
    samples = [read_recording(one.path.read_bytes(), kernel.config.max_seconds)[:WINDOW] for one in spoken]
    return np.stack([log_mel(one, kernel.config.mels) for one in samples])


def write_graphs(network: WhisperForConditionalGeneration, folder: Path, features: Array) -> tuple[Exported, Path]:
    """The encoder, as near to torch as TOLERANCE on `features`, and a step of the decoder. Raises TrainingError."""
    products = Fp32DecoderProducts()
    path = write_sound_encoder(network, folder / "encoder.onnx", products)
    encoder = proven(CrossStates(network), path, {"features": features}, tolerance=TOLERANCE)
    return encoder, write_token_step(parts_of(network), folder / "decoder.onnx", products)


def accuracy(name: str, source: Source, spoken: Sequence[Spoken], written: Sequence[Transcribed]) -> Metric:
    """1 less the word error rate, which may be negative."""
    texts = [one.text for one in spoken]
    return Metric(
        name=name,
        value=1 - error_rate([one.text for one in written], texts),
        dataset=source.name,
        split=f"{len(texts)} recordings of {sum(one.lasts_s for one in written):.0f} s: 1 less the word error rate",
    )


def real_time_factor(written: Sequence[Transcribed]) -> Metric:
    return Metric(
        name="real_time_factor",
        value=sum(one.took_s for one in written) / sum(one.lasts_s for one in written),
        dataset=PROMPTS_SOURCE.name,
        split=f"{len(written)} recordings one at a time, on {torch.get_num_threads()} cores that did other work, too; "
        f"the encoder reads {WINDOW_S} s of each, however short it is",
    )


def as_flac(spoken: Spoken) -> str:
    """A recording without loss, in base64."""
    samples, rate = soundfile.read(spoken.path, dtype="int16")
    made = io.BytesIO()
    soundfile.write(made, samples, rate, format="FLAC")
    return to_base64(made.getvalue())


def shown(spoken: Sequence[Spoken], written: Sequence[Transcribed], seed: int) -> str:
    """A table of some, good or bad."""
    drawn = sorted(np.random.default_rng(seed).permutation(len(spoken))[:SHOWN])
    return table(("what is said", "transcript"), [(spoken[i].text, written[i].text) for i in drawn])
