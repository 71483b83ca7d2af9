"""The graphs of a recognizer beside transformers, which hears with its own spectrograms and generates by itself."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from app.tasks.audio_input import AudioInput
from app.tasks.speech.recording import read_recording
from app.tasks.speech.rules import LATEST_START
from app.tasks.speech.schema import SpeechParameters
from app.tasks.speech_recognition import SpeechRecognition
from app.tensors import Session, Tensors
from training.data.own.recognizer import OwnRecognizer
from training.errors import TrainingError, first_line
from training.networks.whisper import Heard

FEATURES = 1e-4  # of spectrograms, which are about 1


class ComparedWindow(NamedTuple):
    """A window as a row, the tokens of its transcript, and the number of the recording that it is of."""

    row: Tensors
    heard: Heard
    recording: int


def same_transcripts(
    own: OwnRecognizer,
    view: SpeechRecognition,
    sessions: Mapping[str, Session],
    recordings: Sequence[bytes],
    parameters: SpeechParameters,
) -> list[ComparedWindow]:
    """Return the windows of `recordings`, whose transcripts are those that transformers generates, token for token.

    Raises TrainingError at the first that is not, and if its spectrogram or its text is another one.
    """
    return [
        _same(own, view, sessions, row, samples, number, parameters)
        for number, recording in enumerate(recordings)
        for row, samples in _windows(view, recording, parameters)
    ]


def _windows(view: SpeechRecognition, recording: bytes, parameters: SpeechParameters) -> list[tuple[Tensors, Any]]:
    prepared = view.preprocess(AudioInput(audio=recording), parameters)
    samples, (windows, *_) = read_recording(recording, view.kernel.config.max_seconds), prepared.context
    return [(row, samples[one.start : one.end]) for row, one in zip(prepared.rows, windows, strict=True)]


def _same(
    own: OwnRecognizer,
    view: SpeechRecognition,
    sessions: Mapping[str, Session],
    row: Tensors,
    samples: Any,
    number: int,
    parameters: SpeechParameters,
) -> ComparedWindow:
    kernel = view.kernel
    which = f"recording {number + 1} of the comparison"
    features = own.hears(samples, sampling_rate=own.hears.sampling_rate, return_tensors="np").input_features[0]
    if not np.abs(features - row["features"]).max() <= FEATURES:
        raise TrainingError(f"{own.name} hears otherwise than its preprocessor_config.json says: {which}")
    asked = len(kernel.first(*row["asked"].tolist()))
    [answer] = kernel.run(sessions, [row])
    written = [kernel.config.start_id, *answer["output_ids"].tolist()]
    expected = _generated(own, torch.from_numpy(features)[None], kernel.most_written - asked, parameters)
    if written != expected:
        at = next((at for at, pair in enumerate(zip(written, expected, strict=False)) if pair[0] != pair[1]), None)
        raise TrainingError(f"it writes otherwise than transformers from token {at} on, of {which}")
    said = own.reader.decode(written, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    if kernel.text(written) != said:
        raise TrainingError(f"the tokenizer cannot be served: it spells otherwise than transformers, of {which}")
    return ComparedWindow(row, Heard(row["features"], written[1:], asked), number)


def _generated(own: OwnRecognizer, features: torch.Tensor, most: int, parameters: SpeechParameters) -> list[int]:
    """The tokens that transformers writes of a window, greedily, from the start to the end."""
    settings = copy.deepcopy(own.network.generation_config)
    settings.max_length = None
    settings.max_initial_timestamp_index = LATEST_START  # OpenAI's; some configurations say otherwise
    languages = dict(zip(own.config.languages, own.config.language_ids, strict=False))
    language = parameters.language or own.config.default_language
    told = {"task": parameters.task, "language": language and f"<|{language}|>"} if languages else {}
    try:
        found: list[int] = own.network.generate(
            features,
            generation_config=settings,
            max_new_tokens=most,
            num_beams=1,
            do_sample=False,
            return_timestamps=parameters.return_timestamps,
            force_unique_generate_call=True,  # of the window as a whole, whatever times it writes
            **told,
        )[0].tolist()
    except Exception as error:  # of a network as somebody configured it
        raise TrainingError(f"transformers itself cannot write a transcript: {first_line(error)}") from error
    return found
