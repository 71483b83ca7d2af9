"""Chats, logs, subtitles and mail: each turn, line, cue and quote is read by itself."""

import pytest

from app.tasks.sentences import sentences


def texts(source: str) -> list[str]:
    found, _ = sentences(source, 100)
    return [sentence.text for sentence in found]


LINES = {
    "a chat": [
        "Anna: did you read it?",
        "Ben: yes, but the numbers are wrong",
        "Anna: which ones?",
        "Ben: the last two",
    ],
    "two turns": ["Ben: yes, but the numbers are wrong", "Anna: which ones?"],
    "nicknames": ["<anna> did you read it", "<ben_1> yes but it is wrong", "<anna> which ones do you mean"],
    "times": ["[12:01] anna: did you read it", "[12:02] ben: not yet", "[12:05] anna: then do it now"],
    "dates": [
        "12/01/24, 10:15 - Ben: hi there you",
        "12/01/24, 10:16 - Anna Berg: hello",
        "13/01/24, 9:00 - Ben: ok then",
    ],
    "roles": ["Q: Where were you on Monday?", "A: At home with my dog", "Q: Who saw you?", "A: Nobody"],
    "bold names": ["Anna (host): welcome to the show", "Dr. Lee: thank you very much", "Anna (host): how are you?"],
    "Chinese": ["小明：你看了吗？", "小红：看了，但是数字不对", "小明：哪些？"],
    "dashes": ["– Où vas-tu ?", "– À la mer avec Paul", "– Bien."],
    "a log": [
        "2024-05-01 12:00:01 INFO Server has started",
        "2024-05-01 12:00:02 ERROR Disk is full",
        "2024-05-01T12:00:03Z WARN Disk is nearly full",
    ],
    "a log of levels": [
        "INFO: the server has started",
        "[ERROR] the disk is full",
        "WARNING - the disk is nearly full",
    ],
    "prompts": ["ben> hi there you all", "anna> hello to you too", "ben> bye"],
    "seconds": ["1714557600.123 started the server", "1714557601.456 disk is full"],
    "a compiler": ["app/a.py:12: error: something is wrong", "app/a.py:13:5: warning: this too is wrong"],
    "a log of Go": [
        "E0501 12:00:00.000 1 main.go:1] cannot open file",
        "I0501 12:00:01.000 1 main.go:2] opened the file",
    ],
    "a log in fields": ['level=info msg="started. ok"', 'level=error msg="failed"'],
    "a log in JSON": ['{"level":"info","msg":"started. ok"}', '{"level":"error","msg":"disk is full"}'],
    "a log of RFC 5424": [
        "<34>1 2003-10-11T22:14:15.003Z host su - failed",
        "<34>1 2003-10-11T22:14:16.003Z host su - ok",
    ],
    "a system log": ["May  1 12:00:00 host sshd[1]: session opened", "May  1 12:00:01 host cron[2]: job has started"],
    "a log of requests": [
        '10.0.0.1 - - [01/May/2024:12:00:00 +0000] "GET / HTTP/1.1" 200 12',
        '10.0.0.2 - - [01/May/2024:12:00:01 +0000] "GET /a HTTP/1.1" 404 12',
    ],
}


@pytest.mark.parametrize("gap", ["\n", "\r\n", "\n\n"], ids=["close", "crlf", "apart"])
@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_every_line_is_a_sentence(lines: list[str], gap: str) -> None:
    source = gap.join(lines)
    found, _ = sentences(source, 100)
    assert [sentence.text for sentence in found] == lines
    assert [source[sentence.start : sentence.end] for sentence in found] == lines


@pytest.mark.parametrize(
    "head", ["Ben Smith  10:15 AM", "Ben — Today at 10:15", "[10:15] Ben Smith", "Ben, 1/5/24, 10:15"]
)
def test_a_name_above_what_was_said_begins_a_turn(head: str) -> None:
    chat = f"{head}\nhello there my friends\n{head}\nand welcome"
    assert texts(chat) == [f"{head}\nhello there my friends", f"{head}\nand welcome"]


def test_a_turn_of_several_lines_and_sentences_is_split_as_any_text() -> None:
    chat = "Anna: I read it. It was long\nand hard to follow.\nBen: yes, but the numbers are wrong\nAnna: Which ones?"
    assert texts(chat) == [
        "Anna: I read it.",
        "It was long\nand hard to follow.",
        "Ben: yes, but the numbers are wrong",
        "Anna: Which ones?",
    ]


def test_a_few_labelled_lines_above_an_article_are_no_chat() -> None:
    article = "The mayor opened the new bridge to all traffic on Monday morning. It is the longest one in the country."
    assert texts(f"Author: Jane Doe\nSection: Town\nDate: Monday\n\n{article}") == article.replace(". ", ".\n").split(
        "\n"
    )


def test_a_wrapped_line_with_a_colon_is_no_turn() -> None:
    text = "He said three things to\nthem: go home, stay there and\nwait: that was all of it."
    assert texts(text) == [text]


SRT = """1
00:00:01,000 --> 00:00:02,500
Hello there,
<i>my friend</i>

2
00:00:03,000 --> 00:00:04,500
I have waited for you

3
00:00:05,000 --> 00:00:06,000
{\\an8}Why?
"""
VTT = """WEBVTT - A film
Kind: captions

NOTE made by hand

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.500 align:start
<v Ben>Hello there</v>

00:03.000 --> 00:04.500
I have <00:03.500>waited
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(SRT, ["Hello there, my friend", "I have waited for you", "Why?"], id="SubRip"),
        pytest.param(SRT.replace("\n", "\r\n"), ["Hello there, my friend", "I have waited for you", "Why?"], id="crlf"),
        pytest.param("\ufeff" + SRT, ["Hello there, my friend", "I have waited for you", "Why?"], id="byte order mark"),
        pytest.param(VTT, ["Hello there", "I have waited"], id="WebVTT"),
        pytest.param(
            "0:00:01.000,0:00:02.000\nHello there\n\n0:00:03.000,0:00:04.000\nYes", ["Hello there", "Yes"], id="SBV"
        ),
    ],
)
def test_a_cue_is_a_sentence_without_its_number_and_times(source: str, expected: list[str]) -> None:
    assert [" ".join(text.split()) for text in texts(source)] == expected


MAIL = """Hi Ben,

that is fine with me.

On Tue, 3 May 2022 at 10:00, Ben <ben@x.org> wrote:
> Are you coming to the party on Friday? I would like
> to know it soon
>> My sister asked for the number of guests yesterday
> as she does the cooking and the shopping for all of them
Yes, I will be there.
--\x20
Anna
"""


def test_a_quote_and_its_answer_are_not_one_sentence() -> None:
    assert texts(MAIL) == [
        "that is fine with me.",
        "Are you coming to the party on Friday?",
        "as she does the cooking and the shopping for all of them",
        "Yes, I will be there.",
    ]


def test_a_wrapped_quote_is_read_through() -> None:
    assert texts("> The bridge is\n> closed today.\n> It rains.\n") == ["The bridge is closed today.", "It rains."]
