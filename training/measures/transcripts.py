"""Transcripts beside what was said: the share of words that are wrong, and how long they took."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torchmetrics.functional.text import word_error_rate
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from app.tasks.audio_input import AudioInput
from app.tasks.speech.schema import SpeechParameters
from app.tasks.speech_recognition import SpeechRecognition
from app.tensors import Session
from training.errors import TrainingError
from training.networks.whisper import Heard


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The text of a recording, the windows that were heard of it, and the seconds it took and lasts."""

    text: str
    heard: Sequence[Heard]
    took_s: float
    lasts_s: float


def transcribed(view: SpeechRecognition, sessions: Mapping[str, Session], recording: bytes) -> Transcribed:
    """Write down a file of sound, without times, as the service does."""
    kernel, parameters = view.kernel, SpeechParameters()
    kernel.prepare_with(sessions)
    started = time.perf_counter()
    prepared = view.preprocess(AudioInput(audio=recording), parameters)
    answers = [kernel.run(sessions, [row])[0] for row in prepared.rows]
    transcript = view.postprocess(prepared, answers, parameters)
    took_s = time.perf_counter() - started
    heard = [
        Heard(row["features"], answer["output_ids"].tolist(), len(kernel.first(*row["asked"].tolist())))
        for row, answer in zip(prepared.rows, answers, strict=True)
    ]
    return Transcribed(transcript.text, heard, took_s, transcript.duration_s)


def words_of(text: str) -> str:
    """English text as its words alone: lower case, figures for numbers, without marks and "um".

    Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, appendix C, but for British
    spelling, which stays.
    """
    normalized: str = EnglishTextNormalizer({})(text.replace("...", " "))  # type: ignore[no-untyped-call]
    return normalized


def error_rate(written: Sequence[str], spoken: Sequence[str]) -> float:
    """Words to be replaced, left out and put in, for each word that was said, over all texts. Raises TrainingError."""
    if not any(map(words_of, spoken)):
        raise TrainingError("there are no words to compare transcripts with")
    return float(word_error_rate(list(map(words_of, written)), list(map(words_of, spoken))))
