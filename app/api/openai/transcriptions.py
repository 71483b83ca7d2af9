"""Recordings as text: `POST /v1/audio/transcriptions` and `/v1/audio/translations`, which take a form with a file."""

from collections.abc import Callable, Mapping
from functools import partial
from math import ceil
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.ask import Addressed, Question, ask_addressed, headers_of
from app.api.given import Given
from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.askers import asker_of
from app.api.http.routes import Handler
from app.api.media.forms import read_form
from app.api.openai.errors import Words
from app.api.openai.models import find
from app.api.openai.reading import sent_of
from app.api.openai.transcriptions_schema import (
    MEDIA_TYPES,
    REFUSED_OF_SPEECH,
    TIMED,
    Format,
    TimedSegment,
    TranscriptionForm,
    TranslationForm,
)
from app.errors import InvalidInput
from app.serving.engine import Prediction
from app.tasks.audio_input import AudioInput
from app.tasks.speech.schema import SpeechParameters, Transcript
from app.tasks.speech_recognition import SpeechRecognition

VIEW = SpeechRecognition.contract.name
HEARS = "write down what is said"
WORDS: Words = {"audio": "file", "task": "model", "return_timestamps": "response_format"}
Does = Literal["transcribe", "translate"]
FORMS: Mapping[Does, type[TranslationForm]] = {"transcribe": TranscriptionForm, "translate": TranslationForm}


def transcribe(given: Given, does: Does) -> Handler:
    async def read_recording(request: Request, body: bytes, aside: Aside) -> Addressed:
        content_type = request.headers.get("content-type", "")
        sent = await aside.read(lambda: _asked(body, content_type, does), is_quick=len(body) <= QUICK_BYTES)
        served = request.scope["served"] = find(given.engine, sent.model, VIEW, HEARS, asker_of(request))
        parameters = SpeechParameters(
            language=sent.language if isinstance(sent, TranscriptionForm) else None,
            task=does,
            return_timestamps=sent.response_format in TIMED,
        )
        respond = partial(_respond, sent.response_format, does)
        return Addressed(served, Question(VIEW, [AudioInput(audio=sent.file)], parameters, respond))

    async def answer(request: Request, names: dict[str, str]) -> Response:
        return await ask_addressed(given, read_recording, request, SpeechRecognition.contract.timeout_s)

    return answer


def _asked(body: bytes, content_type: str, does: Does) -> TranslationForm:
    if not content_type.lower().startswith("multipart/form-data"):
        raise InvalidInput("must be a form, multipart/form-data, with the recording as its file")
    form = read_form(body, content_type, ("file",))
    if len(form.files) != 1:
        raise InvalidInput(f"must be one file; the form has {len(form.files) or 'none'}").under("file")
    # A field without a text is how a form says nothing.
    fields: dict[str, Any] = {name.removesuffix("[]"): value for name, value in form.fields.items() if value}
    sent = sent_of(FORMS[does], {**fields, "file": form.files[0]}, REFUSED_OF_SPEECH)
    if isinstance(sent, TranscriptionForm) and sent.timestamp_granularities and sent.response_format != "verbose_json":
        raise InvalidInput("has no effect without response_format verbose_json").under("timestamp_granularities")
    return sent


async def _respond(form: Format, does: Does, prediction: Prediction) -> Response:
    (transcript,) = prediction.outputs
    headers = headers_of(prediction)
    if (written := TEXTS.get(form)) is not None:
        return Response(written(transcript), media_type=MEDIA_TYPES[form], headers=headers)
    answer = {
        "text": transcript.text,
        "usage": {"type": "duration", "seconds": ceil(transcript.duration_s)},
        "generated": True,
    }
    if form == "verbose_json":
        answer |= {"task": does, "language": transcript.language, "duration": transcript.duration_s}
        answer["segments"] = [segment.model_dump() for segment in _timed(transcript)]
    return JSONResponse(answer, headers=headers)


def _timed(transcript: Transcript) -> list[TimedSegment]:
    return [
        TimedSegment(id=number, seek=round(100 * one.start), tokens=[], temperature=0, **one.model_dump())
        for number, one in enumerate(transcript.segments)
    ]


def _text(transcript: Transcript) -> str:
    return f"{transcript.text}\n"


def _srt(transcript: Transcript) -> str:
    """Return subtitles as SubRip writes them."""
    return "".join(
        f"{number}\n{_clock(one.start, ',')} --> {_clock(one.end, ',')}\n{one.text}\n\n"
        for number, one in enumerate(transcript.segments, 1)
    )


def _vtt(transcript: Transcript) -> str:
    """Return subtitles as browsers read them (https://www.w3.org/TR/webvtt1/). `-->` would begin another one."""
    cues = (
        f"{_clock(one.start, '.')} --> {_clock(one.end, '.')}\n{_escaped(one.text)}\n\n" for one in transcript.segments
    )
    return "WEBVTT\n\n" + "".join(cues)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float, point: str) -> str:
    whole, thousandths = divmod(round(1000 * seconds), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{thousandths:03}"


TEXTS: Mapping[Format, Callable[[Transcript], str]] = {"text": _text, "srt": _srt, "vtt": _vtt}
