from training.baselines.word_by_word import WordByWord
from training.data.catalogues import Pair

PAIRS = [
    Pair("open the big red file in this window today", "öffne die große rote Datei in diesem Fenster heute"),
    Pair("open file", "Datei öffnen"),
    Pair("file", "Datei"),
    Pair("red file", "rote Datei"),
    Pair("window", "Fenster"),
    Pair("red window", "rotes Fenster"),
]


def test_phrases_come_first_then_words_and_what_is_unknown_stays():
    translate = WordByWord(PAIRS)
    assert translate("Open file, window zzz.") == "Datei öffnen, fenster zzz."


def test_characters_of_chinese_are_words():
    translate = WordByWord([Pair("打开", "open"), Pair("文件", "file"), Pair("打开文件", "open file")])
    assert translate("打开文件打开") == "open file open"


def test_nothing_to_learn_from_leaves_texts_as_they_are():
    assert WordByWord([])("a b") == "a b"
