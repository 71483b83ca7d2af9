"""Recordings as text: what is asked of the model, what its answers become, and what is refused."""

import numpy as np
import pytest
from pydantic import ValidationError
from tiny_speech import (
    CONFIG,
    END,
    ENGLISH,
    FIRST_TIME,
    GERMAN,
    MULTILINGUAL,
    NO_SPEECH,
    START,
    TRANSCRIBE,
    TRANSLATE,
    UNTIMED,
    WRITABLE,
    file_of,
    sessions,
    silence,
    tokenizer,
    tone,
)

from app.errors import InvalidInput
from app.generation.prompt import Token
from app.tasks.audio_input import AudioInput
from app.tasks.speech.schema import SpeechParameters
from app.tasks.speech_recognition import SpeechConfig, SpeechKernel, SpeechRecognition
from app.tasks.view import predict_alone, require_parameters


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "tokenizer.json"
    tokenizer().save(str(path))

    def view(**config) -> SpeechRecognition:
        kernel = SpeechKernel(SpeechConfig(**{**CONFIG, **config}), {"tokenizer.json": path})
        kernel.prepare_with(sessions())
        return SpeechRecognition(kernel)

    return view


def heard(view, samples, **parameters):
    return predict_alone(view, sessions(), AudioInput(audio=file_of(samples)), SpeechParameters(**parameters))


def prepared(view, samples, **parameters):
    return view.preprocess(AudioInput(audio=file_of(samples)), SpeechParameters(**parameters))


def written(view, ids, logprob=-0.1, no_speech=0.0):
    """The answer of a kernel that wrote these tokens."""
    return view.kernel.answer_of([Token(id, logprob, ((NO_SPEECH, np.log(no_speech + 1e-9)),)) for id in ids])


def letters(text: str) -> list[int]:
    return [tokenizer().token_to_id(letter.replace(" ", "Ġ")) for letter in text]


def test_a_transcript_is_made_of_letters_that_may_be_written(made):
    found = heard(made(), tone(2))
    assert found.text
    assert set(letters(found.text)) <= WRITABLE
    assert (found.language, found.duration_s, found.speech_s) == ("en", 2.0, 2.0)


def test_times_are_those_of_the_recording(made):
    # Seconds 0 to 3 are silent; the window with the tone begins within them.
    samples = np.concatenate([silence(3), tone(20), silence(3), tone(20)])
    found = heard(made(), samples, return_timestamps=True)
    assert all(2.7 < one.start <= one.end <= 46 for one in found.segments)
    assert [one.start for one in found.segments] == sorted(one.start for one in found.segments)
    assert max(one.end for one in found.segments) > 26
    assert found.speech_s == pytest.approx(41, abs=0.5)


@pytest.mark.parametrize("samples", [silence(2), silence(40), 0.001 * tone(40)], ids=["short", "long", "faint"])
def test_where_nobody_speaks_the_model_is_not_asked(made, samples):
    assert prepared(made(), samples).rows == []
    found = heard(made(), samples)
    assert (found.text, found.segments, found.speech_s) == ("", [], 0.0)


def test_a_window_in_which_the_model_hears_nobody_has_no_text(made):
    view = made()
    ready = prepared(view, tone(2))
    ids = [UNTIMED, *letters(" thank you"), END]
    silent = written(view, ids, logprob=-1.5, no_speech=0.9)
    assert view.postprocess(ready, [silent], SpeechParameters()).text == ""
    sure = written(view, ids, logprob=-0.5, no_speech=0.9)
    assert view.postprocess(ready, [sure], SpeechParameters()).text == "thank you"


def test_the_first_tokens_count_neither_as_text_nor_as_doubt(made):
    view = made(**MULTILINGUAL)
    tokens = [(GERMAN, -9.0), (TRANSCRIBE, -9.0), (UNTIMED, -9.0), *((id, -0.5) for id in letters(" ja")), (END, -0.5)]
    answer = view.kernel.answer_of([Token(id, logprob, ((NO_SPEECH, -5.0),)) for id, logprob in tokens])
    found = view.postprocess(prepared(view, tone(2)), [answer], SpeechParameters())
    assert (found.text, found.language) == ("ja", "de")
    assert found.segments[0].avg_logprob == pytest.approx(-0.5)


@pytest.mark.parametrize(
    ("parameters", "first"),
    [
        ({}, [[ENGLISH, GERMAN], [TRANSCRIBE], [UNTIMED]]),
        ({"language": "de"}, [[GERMAN], [TRANSCRIBE], [UNTIMED]]),
        ({"language": "de", "task": "translate", "return_timestamps": True}, [[GERMAN], [TRANSLATE]]),
    ],
)
def test_what_is_asked_of_a_model_of_many_languages(made, parameters, first):
    view = made(**MULTILINGUAL)
    (row,) = prepared(view, tone(2), **parameters).rows
    prompt = view.kernel.prompt_of(row)
    assert prompt.ids == (START,)
    assert [list(group) for group in prompt.constraint.args[0].first] == first
    assert prompt.source.row.keys() == {"features"}


def test_a_model_of_one_language_is_only_asked_for_times_or_none(made):
    kernel = made().kernel
    untimed, timed = (kernel.prompt_of(kernel.row(tone(1), SpeechParameters(return_timestamps=one))) for one in (0, 1))
    assert (untimed.constraint.args[0].first, timed.constraint.args[0].first) == ([[UNTIMED]], [])
    assert timed.max_new_tokens == CONFIG["context"] // 2


def test_what_a_model_cannot_do_is_refused_with_what_it_can(made):
    with pytest.raises(InvalidInput, match=r"parameters\.language: is fr, and this model knows en, de"):
        require_parameters(made(**MULTILINGUAL), SpeechParameters(language="fr"))
    with pytest.raises(InvalidInput, match=r"parameters\.task: is translate, and this model can only transcribe"):
        require_parameters(made(), SpeechParameters(task="translate"))
    require_parameters(made(**MULTILINGUAL), SpeechParameters(language="de", task="translate"))


def test_a_long_recording_is_refused_before_it_is_read(made):
    view, item = made(max_seconds=1), AudioInput(audio=file_of(tone(2)))
    for refuse in (view.needs, lambda one: view.preprocess(one, SpeechParameters())):
        with pytest.raises(InvalidInput, match="audio: lasts 2 s or more, and may last 1 s"):
            refuse(item)
    assert made(max_seconds=2).needs(item).num_bytes == 2 * 16_000 * 12
    assert made(max_seconds=2).needs(item).more == 2  # it is read for as much longer


def test_times_are_no_text_and_neither_are_special_tokens(made):
    assert made().kernel.text([START, FIRST_TIME, *letters(" hi"), FIRST_TIME + 7, END]) == " hi"


@pytest.mark.parametrize(
    "wrong",
    [
        {"languages": []},
        {"language_ids": [1]},
        {**MULTILINGUAL, "language_ids": [1]},
        {"context": 4},
        {"max_seconds": 0},
    ],
)
def test_a_config_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        SpeechConfig(**{**CONFIG, **wrong})
