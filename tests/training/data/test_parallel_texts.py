"""Pairs of texts in two languages: which are kept, and in which split."""

import json
from collections import Counter
from pathlib import Path

import pytest
from test_interface_texts import write_catalogue

from training.data import parallel_sources
from training.data.catalogues import Pair, in_catalogue, in_pages, in_tables
from training.data.fetch.pypi import Package
from training.data.parallel_sources import ParallelSource, pairs_of
from training.data.parallel_texts import MOST_CHARACTERS, clean, in_splits, near_copies


@pytest.mark.parametrize(
    ("english", "german", "kept"),
    [
        ("_Save the file", "Datei _speichern", Pair("Save the file", "Datei speichern")),
        ("E&xit now", "Jetzt &beenden", Pair("Exit now", "Jetzt beenden")),
        ("Two  blanks", "Zwei  Leerzeichen", Pair("Two blanks", "Zwei Leerzeichen")),
        ("Delete %s now", "%s jetzt löschen", "with places to fill in, marks or commands"),
        ("<b>Bold</b> text", "<b>Fetter</b> Text", "with places to fill in, marks or commands"),
        ("Two\nlines", "Zwei\nZeilen", Pair("Two lines", "Zwei Zeilen")),
        ("Toolbar", "toolbar", "not translated"),
        ("12:30", "12.30", "without words"),
        ("a word " * MOST_CHARACTERS, "ein Wort " * MOST_CHARACTERS, "too long"),
        ("Open the file", "打开文件", "in another language"),
        ("A text of some length here", "Text", "of unlike lengths"),
    ],
)
def test_german_is_cleaned_or_left_out_for_a_reason(english: str, german: str, kept: Pair | str) -> None:
    assert clean(Pair(english, german), "de") == kept


def test_marks_of_chinese_menus_go_and_what_is_not_chinese_too() -> None:
    assert clean(Pair("_File", "文件(_F)"), "zh") == Pair("File", "文件")
    assert clean(Pair("Open the window", "Fenster öffnen"), "zh") == "in another language"


def test_near_copies_share_most_of_their_words_in_a_row() -> None:
    judged = ["Choose the account that pays the bill", "Save"]
    texts = [
        "Choose the account that pays the bills",
        "Choose the account that pays the bill!",
        "Save",
        "Save the bill",
    ]
    assert near_copies(texts, judged) == [True, True, True, False]


def test_a_text_is_in_one_split_and_has_the_translation_of_most_packages() -> None:
    train = [
        [Pair("Open the large window", "Großes Fenster öffnen"), Pair("Close all windows now", "Alle Fenster zu")],
        [Pair("Open the large window", "Großes Fenster öffnen"), Pair("Learn something else", "Etwas anderes lernen")],
        [Pair("Open the large window", "Das große Fenster aufmachen")],
    ]
    found = {
        "train": train,
        "validation": [[Pair("Count all the coins", "Alle Münzen zählen"), Pair("Too short", "Zu kurz")]],
        "test": [[Pair("Close all windows now", "Alle Fenster jetzt schließen")]],
    }
    texts = in_splits(found, "de", ())
    assert texts.train == [
        Pair("Learn something else", "Etwas anderes lernen"),
        Pair("Open the large window", "Großes Fenster öffnen"),
    ]
    assert texts.validation == [Pair("Count all the coins", "Alle Münzen zählen")]
    assert texts.test == [Pair("Close all windows now", "Alle Fenster jetzt schließen")]
    assert texts.counts["near copies of texts that are judged by, out of train"] == 1
    assert texts.turned().test == [Pair("Alle Fenster jetzt schließen", "Close all windows now")]


def test_sentences_are_learned_one_by_one_where_both_have_as_many() -> None:
    both = Pair("The file is open. Close it now.", "Die Datei ist offen. Schließen Sie sie.")
    texts = in_splits({"train": [[both]]}, "de", ())
    assert texts.train == [
        Pair("Close it now.", "Schließen Sie sie."),
        Pair("The file is open.", "Die Datei ist offen."),
    ]


def test_tables_pages_and_catalogues_are_read_below_the_same_keys(tmp_path: Path) -> None:
    english, german = tmp_path / "en.json", tmp_path / "de.json"
    english.write_text(json.dumps({"menu": {"open": "Open", "close": "Close"}, "count": 3}), encoding="utf-8")
    german.write_text(json.dumps({"menu": {"open": "Öffnen"}, "count": 3}), encoding="utf-8")
    assert list(in_tables(english, german)) == [Pair("Open", "Öffnen")]
    pages = [tmp_path / "a.html", tmp_path / "b.html"]
    pages[0].write_text('<p id="x">Open <b>the</b>\n file</p><p>no id</p><p id="y">only here</p>', encoding="utf-8")
    pages[1].write_text('<p id="x">Die Datei öffnen</p>', encoding="utf-8")
    assert list(in_pages(*pages)) == [Pair("Open the file", "Die Datei öffnen")]
    write_catalogue(tmp_path / "mo" / "de.mo", {"a menu\x04Open": "Öffnen"})
    assert list(in_catalogue(tmp_path / "mo" / "de.mo")) == [Pair("Open", "Öffnen")]
    (tmp_path / "broken.mo").write_bytes(b"no catalogue")
    assert list(in_catalogue(tmp_path / "broken.mo")) == []


def test_a_source_gives_what_its_language_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_sources, "fetch", lambda package: tmp_path)
    write_catalogue(tmp_path / "locale/de/LC_MESSAGES/one.mo", {"Open": "Öffnen"})
    write_catalogue(tmp_path / "locale/fr/LC_MESSAGES/one.mo", {"Open": "Ouvrir"})
    (tmp_path / "translations").mkdir()
    (tmp_path / "translations/en.json").write_text('{"a": "Close"}', encoding="utf-8")
    (tmp_path / "translations/de.json").write_text('{"a": "Schließen"}', encoding="utf-8")
    source = ParallelSource(Package("made-up", "1", "0" * 64), "MIT", "train", "")
    assert list(pairs_of(source, [source], "de")) == [Pair("Open", "Öffnen"), Pair("Close", "Schließen")]
    assert list(pairs_of(source, [source], "zh")) == []


@pytest.mark.parametrize("language", ["de", "zh"])
def test_every_source_is_pinned_and_each_split_has_some(language: parallel_sources.Language) -> None:
    sources = parallel_sources.parallel_sources(language)
    assert all(len(one.package.sha256) == 64 and one.licence and one.only in ("", language) for one in sources)
    assert len({one.package.name for one in sources}) == len(sources)
    splits = Counter(one.split for one in sources)
    assert splits["train"] > 30
    assert min(splits["validation"], splits["test"]) >= 3
