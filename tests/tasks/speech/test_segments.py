"""Transcripts of windows become segments of the recording."""

import pytest

from app.tasks.speech.pieces import WindowAnswer
from app.tasks.speech.recording import RATE
from app.tasks.speech.segments import segments_of
from app.tasks.speech.windows import Window

TIME = 1000
SAID = "the ferry leaves at seven. Seven and comes back then".split()  # noqa: SIM905
WORDS = {n: f" {word}" for n, word in enumerate(SAID)}
IDS = {text.strip(): n for n, text in WORDS.items()}


def text_of(ids):
    return "".join(WORDS[id] for id in ids if id in WORDS)


def ids(text: str) -> list[int]:
    """`|1.5|` is a time."""
    return [TIME + round(float(word[1:-1]) / 0.02) if word[0] == "|" else IDS[word] for word in text.split()]


def written(text: str, start=0.0, end=30.0, overlaps=False, logprob=-0.2, no_speech=0.1) -> WindowAnswer:
    return WindowAnswer(Window(round(start * RATE), round(end * RATE), overlaps), ids(text), logprob, no_speech)


def said(*answers: WindowAnswer) -> list[tuple[float, float, str]]:
    return [
        (pytest.approx(one.start), pytest.approx(one.end), one.text.strip())
        for one in segments_of(answers, text_of, TIME)
    ]


def test_segments_are_cut_at_times_in_seconds_of_the_recording():
    answer = written("|0.0| the ferry |1.5| |2.0| leaves |2.5|", 60, 90)
    assert said(answer) == [(60, 61.5, "the ferry"), (62, 62.5, "leaves")]


def test_without_times_a_window_is_a_segment():
    assert said(written("the ferry", 5, 8), written("leaves", 9, 12)) == [(5, 8, "the ferry"), (9, 12, "leaves")]


def test_no_time_is_behind_the_end_and_the_last_segment_may_have_none():
    assert said(written("|0.0| the |29.0|", 0, 10)) == [(0, 10, "the")]
    assert said(written("|0.0| the |1.0| |1.0| ferry", 0, 10)) == [(0, 1, "the"), (1, 10, "ferry")]


def test_what_nobody_has_said_is_left_out():
    silent = written("then then", no_speech=0.9, logprob=-1.5)
    assert said(silent, written("the ferry", no_speech=0.9)) == [(0, 30, "the ferry")]
    assert said(written("|0.0| |1.0|")) == []


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("the ferry leaves at", "leaves at seven.", "the ferry leaves at seven."),
        ("the ferry leaves at seven.", "at Seven and comes back", "the ferry leaves at seven. and comes back"),
        ("the ferry leaves at seven.", "Seven and comes back", "the ferry leaves at seven. Seven and comes back"),
        ("the ferry leaves at then", "ferry leaves at seven.", "the ferry leaves at seven."),
        ("the ferry leaves", "then ferry leaves at", "the ferry leaves at"),
        ("the ferry", "comes back", "the ferry comes back"),
    ],
)
def test_what_two_windows_have_heard_is_said_once(left, right, expected):
    pieces = segments_of([written(left), written(right, 27, 50, overlaps=True)], text_of, TIME)
    assert "".join(piece.text for piece in pieces).strip() == expected


def test_of_timed_segments_that_both_windows_have_the_whole_ones_stay():
    # The windows share seconds 27 to 30, and have cut a sentence each.
    left = written("|20.0| the ferry |26.0| |26.0| leaves at seven. |28.8| |28.8| Seven and |30.0|")
    right = written("|0.0| at seven. |1.3| |1.3| Seven and comes back |4.0|", 27, 50, overlaps=True)
    assert said(left, right) == [
        (20, 26, "the ferry"),
        (26, 28.8, "leaves at seven."),
        (28.3, 31, "Seven and comes back"),
    ]


def test_a_sentence_that_is_said_again_after_the_cut_stays():
    left = written("|24.0| the ferry leaves |28.0|")
    right = written("|1.0| the ferry leaves |5.0|", 27, 50, overlaps=True)
    assert said(left, right) == [(24, 28, "the ferry leaves"), (28, 32, "the ferry leaves")]


def test_what_only_one_of_two_windows_has_heard_stays():
    assert said(written("|29.0| the |30.0|"), written("|4.0| ferry |5.0|", 27, 50, overlaps=True)) == [
        (29, 30, "the"),
        (31, 32, "ferry"),
    ]
    assert said(written("|24.0| the |25.0|"), written("|0.2| ferry |1.0|", 27, 50, overlaps=True)) == [
        (24, 25, "the"),
        (27.2, 28, "ferry"),
    ]


def test_words_that_come_again_stay_where_windows_do_not_overlap():
    pieces = segments_of([written("comes back"), written("comes back", 40, 50)], text_of, TIME)
    assert "".join(piece.text for piece in pieces).strip() == "comes back comes back"


def test_what_repeats_itself_and_what_is_unsure_is_marked():
    (good,) = segments_of([written("the ferry leaves at seven.")], text_of, TIME)
    (looping,) = segments_of([written("then " * 60)], text_of, TIME)
    (unsure,) = segments_of([written("the ferry", logprob=-1.2)], text_of, TIME)
    assert (good.is_doubtful, looping.is_doubtful, unsure.is_doubtful) == (False, True, True)
    assert looping.compression_ratio > 2.4
