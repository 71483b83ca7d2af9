from training.data.catalogues import Pair
from training.data.subwords import END, END_ID, learn_subwords, token_pairs

TEXTS = ["Open the file", "Datei öffnen", "打开文件", "Close the file", "Datei schließen"] * 3


def test_every_text_comes_back_also_one_of_characters_that_were_never_seen(tmp_path):
    tokenizer = learn_subwords(TEXTS, 320, tmp_path / "tokenizer.json")
    for text in ("Open the file", "打开文件", "<b> & ½ 🙂", "Ωmega"):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids).strip() == text
        assert END_ID not in ids
    assert tokenizer.token_to_id(END) == END_ID


def test_frequent_words_are_tokens_and_digits_stay_apart(tmp_path):
    tokenizer = learn_subwords([*TEXTS, *["in 2024"] * 9], 400, tmp_path / "tokenizer.json")
    assert len(tokenizer.encode("Datei").ids) == 1
    assert len(tokenizer.encode("2024").ids) == 5  # one for the space before it


def test_pairs_of_too_many_tokens_are_left_out(tmp_path):
    tokenizer = learn_subwords(TEXTS, 320, tmp_path / "tokenizer.json")
    long = Pair("Open the file " * 30, "Datei öffnen")
    (found,) = token_pairs(tokenizer, [Pair("Open the file", "Datei öffnen"), long], 40)
    assert [ids[-1] for ids in found] == [END_ID, END_ID]
    assert tokenizer.decode(found.target).strip() == "Datei öffnen"
