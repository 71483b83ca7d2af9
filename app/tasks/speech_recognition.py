"""Speech as text, window by window."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator
from tokenizers import Tokenizer

from app.errors import InvalidInput
from app.generation.alone import generate_alone
from app.generation.prompt import Prompt, Sampling, Token
from app.generation.vocabulary import Detokenizer, Vocabulary
from app.tasks.audio_input import FERRY, AudioInput
from app.tasks.contract import Contract
from app.tasks.file_bytes import to_base64
from app.tasks.kernel import Kernel
from app.tasks.schema import Schema
from app.tasks.speech.features import FRAMES, log_mel
from app.tasks.speech.files import Samples
from app.tasks.speech.pieces import Piece, WindowAnswer
from app.tasks.speech.recording import RATE, read_recording, seconds_of
from app.tasks.speech.rules import Order, Rules
from app.tasks.speech.schema import SpeechParameters, SpokenSegment, Transcript
from app.tasks.speech.segments import segments_of
from app.tasks.speech.voice import Stretch, speech_in, without_detector
from app.tasks.speech.windows import windows_of
from app.tasks.translation import Language
from app.tasks.view import Needs, Prepared, View
from app.tensors import Decoder, EncoderInput, Session, Tensors, sequence_decoder_of

PLACES = FRAMES // 2  # of a window, for which the decoder keeps keys and values
UNKNOWN = -1  # a language that the model is to find out
BYTES_A_SECOND = 3 * 4 * RATE  # of samples, twice while they are put together, and of spectrograms
DECIMALS = 2

Ids = list[Annotated[int, Field(ge=0)]]


class SpeechConfig(Schema):
    """The tokens that a Whisper model is told with (Radford et al., 2022, figure 1 and section 2.3).

    The graphs are `encoder` (`features` fp32 [rows, mels, 3000], log-mel of 30 s, to the cross keys and values of
    1500 places), `decoder` (app/runtimes/onnx_sequence.py) and, if there is one, `vad`: silero_vad_16k_sequence.onnx
    of the package silero-vad, which reads many frames in one run.
    """

    tokenizer: str
    context: Annotated[int, Field(ge=8, le=4096, description="tokens of a window's prompt and transcript")] = 448
    mels: Annotated[int, Field(ge=1, le=256, description="bands of a spectrogram")] = 80
    languages: Annotated[list[Language], Field(min_length=1, description='["en"] of a model for English only')]
    start_id: Annotated[int, Field(ge=0, description="<|startoftranscript|>")]
    end_id: Annotated[int, Field(ge=0, description="<|endoftext|>")]
    no_speech_id: Annotated[int, Field(ge=0, description="<|nospeech|>, or <|nocaptions|>")]
    no_timestamps_id: Annotated[int, Field(ge=0, description="<|notimestamps|>")]
    timestamp_begin_id: Annotated[int, Field(ge=0, description="<|0.00|>; 1500 more follow, .02 s apart")]
    transcribe_id: Annotated[int | None, Field(ge=0, description="none of a model for English only")] = None
    translate_id: Annotated[int | None, Field(ge=0, description="none of a model for English only")] = None
    language_ids: Ids = Field([], description="of each of `languages`; none of a model for English only")
    default_language: Annotated[
        Language | None, Field(description="where a request names none; without it, the model finds out")
    ] = None
    suppress_ids: Ids = Field([], description="tokens that are never written")
    begin_suppress_ids: Ids = Field([], description="tokens that no transcript begins with")
    max_seconds: Annotated[float, Field(gt=0, le=36_000, description="of a recording; a longer one is refused")] = 1800
    aliases: list[str] = Field([], description="other names by which clients may call the model")

    @model_validator(mode="after")
    def _languages_have_tokens(self) -> "SpeechConfig":
        if self.language_ids and len(self.language_ids) != len(self.languages):
            raise ValueError("language_ids must have one token for each of languages, or none at all")
        if bool(self.language_ids) != (self.transcribe_id is not None):
            raise ValueError("a model has tokens of languages and of what to do, or neither")
        if self.default_language is not None and self.default_language not in self.languages:
            raise ValueError("default_language must be one of languages")
        return self


class SpeechKernel(Kernel):
    """An encoder, a decoder and their tokens. A row is a window: its spectrogram, and what is asked of it."""

    Config = SpeechConfig
    steps = True
    writes_rows = True

    def __init__(self, config: SpeechConfig, files: Mapping[str, Path]) -> None:
        self.config, self.context = config, config.context
        self.vocabulary = Vocabulary(Tokenizer.from_file(str(files[config.tokenizer])))
        self._vad: Session | None = None

    def prepare_with(self, sessions: Mapping[str, Session]) -> None:
        self._vad = sessions.get("vad")

    @property
    def most_written(self) -> int:
        """The most tokens of a transcript: half of what the decoder holds, as in OpenAI's code."""
        return self.context // 2

    @property
    def most_reserved(self) -> int:
        return PLACES + 1 + self.most_written

    def decoder(self, sessions: Mapping[str, Session], slots: int) -> Decoder:
        return sequence_decoder_of(sessions["encoder"], sessions["decoder"], slots, self.context, PLACES)

    def length(self, row: Tensors) -> int:
        return PLACES

    def probe(self, length: int) -> Tensors:
        return self.row(np.zeros(RATE, np.float32), SpeechParameters())

    def row(self, samples: Samples, parameters: SpeechParameters) -> Tensors:
        """Return a window of samples as the model hears it, `features` fp32 [mels, FRAMES], and what is asked.

        `asked` int64 [3]: the number of the language or UNKNOWN, whether to translate, whether to time.
        """
        language = parameters.language or self.config.default_language
        number = UNKNOWN if language is None else self.config.languages.index(language)
        asked = [number, parameters.task == "translate", parameters.return_timestamps]
        return {"features": log_mel(samples, self.config.mels), "asked": np.array(asked, np.int64)}

    def prompt_of(self, row: Tensors) -> Prompt:
        """The way to write a transcript.

        Its first tokens are chosen, not read: the logits that tell of silence come right after the start.
        """
        language, is_translated, has_times = row["asked"].tolist()
        order = Order(
            self.first(language, is_translated, has_times),
            self.config.end_id,
            self.config.timestamp_begin_id,
            bool(has_times),
            np.array([*self.config.suppress_ids, self.config.no_timestamps_id], np.int64),
            np.array(self.config.begin_suppress_ids, np.int64),
        )
        return Prompt(
            (self.config.start_id,),
            max_new_tokens=self.most_written,
            end_ids=frozenset([self.config.end_id]),
            sampling=Sampling(num_logprobs=0, logprob_token_ids=(self.config.no_speech_id,)),
            constraint=partial(Rules, order),
            source=EncoderInput({"features": row["features"]}, PLACES),
        )

    def first(self, language: int, is_translated: bool, has_times: bool) -> list[Sequence[int]]:
        """Return the groups of tokens that a transcript begins with, one of each: the language, and what is asked."""
        config, first = self.config, list[Sequence[int]]()
        if config.language_ids:
            known = config.language_ids
            first.append(known if language == UNKNOWN else [known[language]])
            task = config.translate_id if is_translated else config.transcribe_id
            assert task is not None, "what has languages can transcribe, and `check` refuses what it cannot do"
            first.append([task])
        return first if has_times else [*first, [config.no_timestamps_id]]

    def answer_of(self, tokens: Sequence[Token]) -> Tensors:
        return {
            "output_ids": np.array([token.id for token in tokens], np.int64),
            "logprobs": np.array([token.logprob for token in tokens], np.float32),
            "no_speech": np.exp(np.array(tokens[0].top[0][1], np.float32)),
        }

    def run(self, sessions: Mapping[str, Session], rows: Sequence[Tensors]) -> list[Tensors]:
        decoder = self.decoder(sessions, 1)
        return [self.answer_of(list(generate_alone(decoder, self.prompt_of(row)))) for row in rows]

    def speech_in(self, samples: Samples) -> list[Stretch]:
        return without_detector(samples) if self._vad is None else speech_in(samples, self._vad)

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, with the blank that it begins with; of times and special ones there is none."""
        detokenizer = Detokenizer(self.vocabulary)
        said = [id for id in ids if id < self.config.timestamp_begin_id and not self.vocabulary.is_special(id)]
        return detokenizer.push(said) + detokenizer.end()

    def language(self, ids: Sequence[int]) -> str | None:
        """Return the language that the first token of a transcript says, if any does."""
        return dict(zip(self.config.language_ids, self.config.languages, strict=False)).get(ids[0])


def _said(output: Mapping[str, Any]) -> dict[str, Any]:
    return {name: output[name] for name in ("text", "language")}


class SpeechRecognition(View[SpeechKernel]):
    """Write down what is said in each recording.

    Where nobody speaks, nothing is read. The rest is cut at pauses into windows of up to 30 s, and the model reads each
    of them by itself. Nobody verifies the result: models of speech may write words that nobody has said.
    """

    contract = Contract(
        "automatic-speech-recognition",
        __qualname__,
        __doc__,
        Input=AudioInput,
        Parameters=SpeechParameters,
        Output=Transcript,
        example={"audio": to_base64(FERRY)},
        binary_field="audio",
        max_items=4,  # each may be half an hour long
        timeout_s=600.0,
        is_generated=True,
        comparable=_said,
    )
    has_needs = True

    def check(self, parameters: SpeechParameters) -> None:
        config, language = self.kernel.config, parameters.language
        if language is not None and language not in config.languages:
            raise InvalidInput(f"is {language}, and this model knows {', '.join(config.languages)}").under("language")
        if parameters.task == "translate" and config.translate_id is None:
            raise InvalidInput("is translate, and this model can only transcribe").under("task")

    def needs(self, item: AudioInput) -> Needs:
        most = self.kernel.config.max_seconds
        try:
            seconds = min(seconds_of(item.audio, most), most)
        except InvalidInput as error:
            raise error.under("audio") from None
        return Needs(num_bytes=int(BYTES_A_SECOND * seconds), more=seconds)

    def preprocess(self, item: AudioInput, parameters: SpeechParameters) -> Prepared:
        try:
            samples = read_recording(item.audio, self.kernel.config.max_seconds)
        except InvalidInput as error:
            raise error.under("audio") from None
        stretches = self.kernel.speech_in(samples)
        windows = windows_of(stretches, len(samples))
        rows = [self.kernel.row(samples[one.start : one.end], parameters) for one in windows]
        spoken = sum(one.end - one.start for one in stretches)
        return Prepared(rows, (windows, len(samples) / RATE, spoken / RATE))

    def postprocess(self, prepared: Prepared, answers: Sequence[Tensors], parameters: SpeechParameters) -> Transcript:
        kernel = self.kernel
        windows, duration_s, speech_s = prepared.context
        asked = len(kernel.first(UNKNOWN, False, parameters.return_timestamps))
        written = [
            WindowAnswer(
                window,
                one["output_ids"].tolist()[asked:],
                float(one["logprobs"][asked:].mean()),
                float(one["no_speech"]),
            )
            for window, one in zip(windows, answers, strict=True)
        ]
        pieces = segments_of(written, kernel.text, kernel.config.timestamp_begin_id)
        heard = Counter(kernel.language(one["output_ids"].tolist()) for one in answers)
        likeliest = heard.most_common(1)[0][0] if heard else None
        return Transcript(
            text="".join(piece.text for piece in pieces).strip(),
            segments=[_segment(piece) for piece in pieces],
            language=likeliest or parameters.language or kernel.config.languages[0],
            duration_s=round(duration_s, DECIMALS),
            speech_s=round(speech_s, DECIMALS),
        )


def _segment(piece: Piece) -> SpokenSegment:
    return SpokenSegment(
        start=round(piece.start, DECIMALS),
        end=round(piece.end, DECIMALS),
        text=piece.text.strip(),
        avg_logprob=piece.written.avg_logprob,
        no_speech_prob=piece.written.no_speech_prob,
        compression_ratio=piece.compression_ratio,
        is_doubtful=piece.is_doubtful,
    )
