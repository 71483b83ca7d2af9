"""A recognizer of speech of your own, a Whisper, out of --source: two graphs beside transformers; minutes."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch

from app.repository.manifest import Metric, Variant
from app.runtimes.onnx_weights import weights_beside
from app.tasks.audio_input import FERRY
from app.tasks.file_bytes import to_base64
from app.tasks.speech.features import FRAMES
from app.tasks.speech.recording import RATE, read_recording
from app.tasks.speech.schema import SpeechParameters
from app.tasks.speech_recognition import SpeechConfig, SpeechKernel, SpeechRecognition
from app.tensors import sequence_decoder_of
from training.card.prose import Prose
from training.data.own.recognizer import OwnRecognizer, load_recognizer
from training.data.spoken_texts import load_prompts, load_readings
from training.data.voice_activity import VOICE_ACTIVITY_SOURCE, voice_activity_graph
from training.data.whisper_models import TOKENIZER
from training.errors import TrainingError, progress
from training.graphs.beside_transcripts import ComparedWindow, same_transcripts
from training.graphs.beside_whisper import largest_difference
from training.graphs.export import proven
from training.graphs.sequences_alike import beside_fp32
from training.networks.whisper import CrossStates
from training.recipe import Draft, Example, Exported, Recipe, Run
from training.recipes.own_sequences import LEAST_AGREEMENT
from training.recipes.recognizer import MAIN, OTHER, opened, write_graphs

FEW = 2  # recordings of a tiny run, of each other way to ask, and golden examples
PROMPTS = 4  # of a telephone
RELATIVE = 1e-4  # of the largest key or value, as of the logits of other imports
PROSE = Prose(__name__)


class OwnWhisper(NamedTuple):
    """A recognizer, and the files of sound on which it is compared with transformers."""

    own: OwnRecognizer
    recordings: Sequence[bytes]


def load(run: Run) -> OwnWhisper:
    return OwnWhisper(load_recognizer(run.source), recordings()[: FEW if run.tiny else None])


def recordings() -> list[bytes]:
    """The example of the service, whole and in halves, and what people said, where their packages can be had."""
    samples = read_recording(FERRY, 60.0)
    half = len(samples) // 2
    found = [FERRY, _as_flac(samples[:half]), _as_flac(samples[half:])]
    try:
        return [*found, *(one.path.read_bytes() for one in (*load_readings(), *load_prompts()[:PROMPTS]))]
    except TrainingError as error:
        progress(f"compared on the service's own example alone: {error}")
        return found


def _as_flac(samples: np.ndarray) -> bytes:
    made = io.BytesIO()
    soundfile.write(made, samples, RATE, format="FLAC")
    return made.getvalue()


def make(whisper: OwnWhisper, run: Run) -> Draft:
    own, vad = whisper.own, voice_activity_graph()
    tokenizer = run.workdir / TOKENIZER
    own.tokenizer.save(str(tokenizer))
    view = SpeechRecognition(SpeechKernel(own.config, {TOKENIZER: tokenizer}))
    progress("writing the graphs")
    paths = {MAIN: {**write_graphs(own.network, run.workdir, MAIN), "vad": vad}}
    compared, ways = _compared(whisper, view, paths[MAIN])
    exported = _beside(own, paths[MAIN], compared)
    golden, metrics, variants = set(range(len(whisper.recordings))), list[Metric](), dict[str, Variant]()
    if run.variants:
        others = {**write_graphs(own.network, run.workdir, OTHER), "vad": vad}
        alike = beside_fp32(view.kernel, [one.row for one in compared], paths[MAIN], others)
        split = f"{len(compared)} windows: the tokens of the fp32 graphs that are the likeliest in 8 bits, too"
        metrics.append(Metric(name="int8_agreement", value=alike.agreement, dataset="recordings", split=split))
        differ = {one.recording for at, one in enumerate(compared) if at not in alike.same}
        if alike.agreement < LEAST_AGREEMENT or not golden - differ:  # a golden example is for all
            progress(f"not published in 8 bits, in which it finds {alike.agreement:.1%} of the tokens of fp32")
        else:
            golden -= differ
            paths[OTHER] = others
            named = {name: path.name for name, path in others.items()}
            variants[OTHER] = Variant(runtime="onnx", precision=OTHER, graphs=named)
    files = {TOKENIZER: tokenizer}
    for path in (path for graphs in paths.values() for path in graphs.values()):
        files |= {path.name: path, **weights_beside(path)}
    return Draft(
        description=f"Writes down what is said{_in(own.config)}: {own.name} as it is in a user's folder. Nobody "
        "verifies what it writes.",
        licence=own.source.licence,
        files=files,
        graphs={name: path.name for name, path in paths[MAIN].items()},
        variants=variants,
        config=own.config.model_dump(),
        exported=exported,
        metrics=[
            Metric(
                name="writes_as_transformers",
                value=1.0,
                dataset="recordings",
                split=f"{ways} transcripts of {len(whisper.recordings)} recordings: the same tokens as generate's",
            ),
            *metrics,
        ],
        sources=[own.source, VOICE_ACTIVITY_SOURCE],
        examples=[Example({"audio": to_base64(whisper.recordings[number])}) for number in sorted(golden)[:FEW]],
        limits=PROSE.items("Limits"),
        notes=PROSE.text("Notes", layers=own.network.config.decoder_layers, mels=own.config.mels),
        has_own_data=True,
    )


def _compared(
    whisper: OwnWhisper, view: SpeechRecognition, graphs: Mapping[str, Path]
) -> tuple[list[ComparedWindow], int]:
    """The windows as they are asked by default, and how many transcripts were compared. Raises TrainingError."""
    progress(f"asking transformers for the transcripts of {len(whisper.recordings)} recordings")
    sessions = opened(graphs)
    view.kernel.prepare_with(sessions)
    compared = same_transcripts(whisper.own, view, sessions, whisper.recordings, SpeechParameters())
    if not compared:
        raise TrainingError("nobody is heard in the recordings of the comparison")
    others = [
        same_transcripts(whisper.own, view, sessions, whisper.recordings[:FEW], one) for one in other_ways(view.kernel)
    ]
    return compared, len(compared) + sum(map(len, others))


def other_ways(kernel: SpeechKernel) -> list[SpeechParameters]:
    """With times, and of a model of several languages as the first and the last of them, once translated."""
    ways, languages = [SpeechParameters(return_timestamps=True)], kernel.config.languages
    if kernel.config.language_ids:
        ways += [SpeechParameters(language=one) for one in (languages[0], languages[-1])]
        ways.append(SpeechParameters(language=languages[-1], task="translate", return_timestamps=True))
    return ways


def _beside(own: OwnRecognizer, graphs: Mapping[str, Path], compared: Sequence[ComparedWindow]) -> Exported:
    """The encoder's graph, after both were compared with the network by their numbers. Raises TrainingError."""
    module, heard = CrossStates(own.network), [one.heard for one in compared[:FEW]]
    features = np.stack([one.features for one in heard])
    with torch.inference_mode():
        largest = max(float(one.abs().max()) for one in module(torch.from_numpy(features)))
    exported = proven(module, graphs["encoder"], {"features": features}, tolerance=RELATIVE * max(1.0, largest))
    sessions = opened({name: path for name, path in graphs.items() if name != "vad"})
    decoder = sequence_decoder_of(sessions["encoder"], sessions["decoder"], 1, own.config.context, FRAMES // 2)
    largest_difference(own.network, own.config, decoder, heard)
    return exported


def _in(config: SpeechConfig) -> str:
    return f" in {len(config.languages)} languages" if config.language_ids else ""


RECIPE = Recipe(
    name="own-recognizer",
    task="automatic-speech-recognition",
    load=load,
    make=make,
    takes_source=True,
)
