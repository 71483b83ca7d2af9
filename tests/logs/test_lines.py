import json
import logging

import pytest

from app.logs.lines import FORMS, MOST_CHARACTERS, AccessRecord

ANSWERED = AccessRecord(
    1_700_000_000.25, "abc-1", "POST", "/v1/models/{model}/predict", "tiny", "3", 200, 0.01234, 31, 120, "laptop"
)
NOTHING_KNOWN = AccessRecord(1_700_000_000.25, "abc-2", "GET", "none", "", "", 404, 0.0005, 0, 80, "")

HOSTILE = [
    pytest.param("two\nlines", id="line feed"),
    pytest.param("gone\r2026-01-01 INFO app: forged", id="carriage return"),
    pytest.param("\x1b[31mred\x1b[0m \x1b]0;title\x07", id="terminal escapes"),
    pytest.param("\x9b31m", id="C1 control"),
    pytest.param("lone \ud800 surrogate \udcff", id="surrogates"),
    pytest.param("a\u2028b\u2029c\x85d", id="other line ends"),
    pytest.param("\u202eabc\u2066", id="bidirectional marks"),
    pytest.param('quote " backslash \\ {} %s \x00 \x7f', id="quotes and NUL"),
    pytest.param("grün 好 \U0001f600", id="other scripts"),
]


def record(message, *arguments, error=None):
    exc_info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("app.test", logging.WARNING, __file__, 1, message, arguments, exc_info)


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", ["argument", "message", "error"])
def test_a_line_of_json_is_one_line_that_any_parser_reads(text, place):
    line = FORMS["json"]().format(hostile(text, place))
    assert line.endswith("\n")
    assert line.isascii()
    assert len(line.splitlines()) == 1
    read = json.loads(line)
    shown = read["message"] + read.get("trace", "")
    shown.encode()  # no lone surrogate, which strict parsers refuse
    assert text.encode("utf-8", "backslashreplace").decode() in shown


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", ["argument", "message", "error"])
def test_a_line_of_text_is_printable_and_cannot_pass_for_two(text, place):
    written = FORMS["text"]().format(hostile(text, place))
    first, *others = written.removesuffix("\n").split("\n")
    assert all(line.isprintable() for line in (first, *others))
    assert first.startswith("20")
    assert all(line.startswith("    ") for line in others)
    assert bool(others) is (place == "error")


def hostile(text, place):
    if place == "error":
        return record("failed", error=raised(ValueError(text)))
    return record("it said %s", text) if place == "argument" else record(text)


def test_text_for_people_stays_as_it_is():
    assert "it said grün 好\n" in FORMS["text"]().format(record("it said %s", "grün 好"))


@pytest.mark.parametrize("form", FORMS)
def test_a_long_line_is_cut(form):
    line = FORMS[form]().format(record("x" * 100_000, error=raised(ValueError("y" * 100_000))))
    assert len(line) < 3 * MOST_CHARACTERS


@pytest.mark.parametrize("form", FORMS)
def test_arguments_that_do_not_fit_are_no_failure(form):
    class Unspeakable(Exception):
        def __str__(self):
            raise RuntimeError

    assert "with arguments that do not fit" in FORMS[form]().format(record("%d", "x"))
    assert "Unspeakable" in FORMS[form]().format(record("failed", error=raised(Unspeakable())))


def test_the_line_of_a_request_as_json():
    assert json.loads(FORMS["json"]().access(ANSWERED)) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "INFO",
        "logger": "app.access",
        "request_id": "abc-1",
        "method": "POST",
        "route": "/v1/models/{model}/predict",
        "model": "tiny",
        "version": 3,
        "status": 200,
        "seconds": 0.01234,
        "received": 31,
        "sent": 120,
        "key": "laptop",
        "trace_id": None,
    }
    traced = ANSWERED._replace(trace_id="0af7651916cd43dd8448eb211c80319c")
    assert json.loads(FORMS["json"]().access(traced))["trace_id"] == traced.trace_id
    assert FORMS["text"]().access(traced).endswith(" request=abc-1\n")
    assert f" trace={traced.trace_id} " in FORMS["text"]().access(traced)
    unknown = json.loads(FORMS["json"]().access(NOTHING_KNOWN))
    assert unknown["model"] is unknown["version"] is unknown["key"] is None


def test_the_line_of_a_request_as_text():
    line = FORMS["text"]().access(ANSWERED).split(" ", 2)[2]
    assert line == (
        "INFO app.access: POST /v1/models/{model}/predict 200 model=tiny version=3 key=laptop seconds=0.0123 "
        "received=31 sent=120 request=abc-1\n"
    )
    line = FORMS["text"]().access(NOTHING_KNOWN).split(" ", 2)[2]
    assert line == "INFO app.access: GET none 404 seconds=0.0005 received=0 sent=80 request=abc-2\n"


def test_lines_of_records_and_requests_have_the_same_clock():
    made = record("x")
    made.created = ANSWERED.at
    for form in FORMS.values():
        time_of = (lambda line: json.loads(line)["time"]) if form is FORMS["json"] else (lambda line: line[:23])
        assert time_of(form().format(made)) == time_of(form().access(ANSWERED))
