"""The common part of recipes of speech recognizers: Whisper from packages as two graphs, compared and measured."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from transformers import WhisperForConditionalGeneration

from app.repository.manifest import Metric, Source, Variant
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.file_bytes import to_base64
from app.tasks.speech.features import FRAMES, WINDOW, log_mel
from app.tasks.speech.recording import read_recording
from app.tasks.speech_recognition import SpeechKernel, SpeechRecognition
from app.tensors import Array, Session, sequence_decoder_of
from training.card.prose import Prose
from training.card.transcripts import SHOWN, accuracy, costs, real_time_factor, shown
from training.data.spoken_texts import PROMPTS_SOURCE, READINGS_SOURCE, Spoken, load_prompts, load_readings
from training.data.voice_activity import VOICE_ACTIVITY_SOURCE, voice_activity_graph
from training.data.whisper_models import TOKENIZER, PackagedWhisper, Whisper
from training.errors import TrainingError, progress
from training.graphs.beside_whisper import is_greedy, largest_difference
from training.graphs.export import proven
from training.graphs.products import BlockProducts, DecoderProducts, Fp32DecoderProducts, RowInt8Products
from training.graphs.sequence_model import write_token_step
from training.graphs.sound_encoder import write_sound_encoder
from training.measures.transcripts import Transcribed, transcribed
from training.networks.sequence_models import parts_of
from training.networks.whisper import CrossStates
from training.recipe import Draft, Example, Recipe, Run

MAIN, OTHER = "fp32", "int8"
# Of the encoder, which reads 1,500 places at a time, and of the decoder, which reads one.
PRODUCTS: Mapping[str, tuple[DecoderProducts, DecoderProducts]] = {
    MAIN: (Fp32DecoderProducts(), Fp32DecoderProducts()),
    OTHER: (RowInt8Products(), BlockProducts(8)),
}
TOLERANCE = 2e-4  # of keys and values, which are up to 20
ALIKE = 0.98  # of the windows: sums in another order decide between two tokens that are as likely
FEW = 2  # recordings of a tiny run, windows that the encoder is compared on, and examples
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
    """Write the graphs, compare them with transformers, and write down the recordings. Raises TrainingError."""
    network, config = whisper.network, whisper.config
    view = SpeechRecognition(SpeechKernel(config, {TOKENIZER: whisper.tokenizer}))
    wanted = [MAIN, OTHER] if run.variants else [MAIN]
    paths = {name: {**write_graphs(network, run.workdir, name), "vad": vad} for name in wanted}
    features = features_of(view.kernel, recordings.readings[:FEW])
    encoder = proven(CrossStates(network), paths[MAIN]["encoder"], {"features": features}, tolerance=TOLERANCE)
    sessions = {name: opened(graphs) for name, graphs in paths.items()}
    written = {name: listened(view, graphs, recordings) for name, graphs in sessions.items()}
    prompts, readings = written[MAIN]
    windows = [window for one in (*readings, *prompts) for window in one.heard]
    both = sessions[MAIN]["encoder"], sessions[MAIN]["decoder"]
    decoder = sequence_decoder_of(*both, 1, config.context, FRAMES // 2)
    difference = largest_difference(network, config, decoder, windows[: len(readings)])
    same = sum(is_greedy(network, config, window) for window in windows) / len(windows)
    files = {path.name: path for graphs in paths.values() for path in graphs.values()}
    named = {name: {graph: path.name for graph, path in graphs.items()} for name, graphs in paths.items()}
    return Draft(
        description=description,
        licence=source.licence,
        files={**files, TOKENIZER: whisper.tokenizer},
        graphs=named[MAIN],
        variants={name: Variant(runtime="onnx", precision=OTHER, graphs=named[name]) for name in wanted[1:]},
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
        examples=[Example({"audio": as_flac(one)}) for one in examples(recordings, written)],
        sections={
            "What each precision costs": costs(recordings, written, {name: sizes(paths[name]) for name in wanted}),
            f"{SHOWN} recordings of the test, drawn by a seed": shown(recordings.prompts, prompts, run.seed),
        },
        limits=PROSE.items("Limits"),
        notes=PROSE.text("Notes", difference=f"{difference:.1e}"),
    )


def write_graphs(network: WhisperForConditionalGeneration, folder: Path, name: str) -> dict[str, Path]:
    """The encoder and a step of the decoder with the products of this name."""
    encoder, decoder = PRODUCTS[name]
    suffix = "" if name == MAIN else f".{name}"
    return {
        "encoder": write_sound_encoder(network, folder / f"encoder{suffix}.onnx", encoder),
        "decoder": write_token_step(parts_of(network), folder / f"decoder{suffix}.onnx", decoder),
    }


def opened(paths: Mapping[str, Path]) -> dict[str, Session]:
    return {name: load_onnx(path, RuntimeOptions(device="cpu")) for name, path in paths.items()}


def features_of(kernel: SpeechKernel, spoken: Sequence[Spoken]) -> Array:
    """Spectrograms of the first windows, fp32 [recordings, mels, FRAMES]."""
    samples = [read_recording(one.path.read_bytes(), kernel.config.max_seconds)[:WINDOW] for one in spoken]
    return np.stack([log_mel(one, kernel.config.mels) for one in samples])


def listened(
    view: SpeechRecognition, sessions: Mapping[str, Session], recordings: Recordings
) -> list[list[Transcribed]]:
    """The transcripts of the prompts and of the readings."""
    progress(f"listening to {sum(map(len, recordings))} recordings")
    return [[transcribed(view, sessions, one.path.read_bytes()) for one in some] for some in recordings]


def examples(recordings: Recordings, written: Mapping[str, Sequence[Sequence[Transcribed]]]) -> Sequence[Spoken]:
    """Readings that get the same text in all precisions, as golden examples must. Raises TrainingError."""
    texts = [[one.text for one in readings] for _, readings in written.values()]
    alike = [one for one, *found in zip(recordings.readings, *texts, strict=True) if len(set(found)) == 1]
    if not alike:
        raise TrainingError("the precisions write no reading alike; without --variants there is only one")
    return alike[:FEW]


def sizes(paths: Mapping[str, Path]) -> float:
    """In millions of bytes."""
    return sum(path.stat().st_size for path in paths.values()) / 1e6


def as_flac(spoken: Spoken) -> str:
    """A recording without loss, in base64."""
    samples, rate = soundfile.read(spoken.path, dtype="int16")
    made = io.BytesIO()
    soundfile.write(made, samples, rate, format="FLAC")
    return to_base64(made.getvalue())
