from training.baselines.one_sentence import lead, nearest_to_mean

TEXT = "Quick start. It draws folders of a disk as rings, and folders in folders as rings. It has a manual."


def test_the_first_sentence_stands_for_a_text() -> None:
    assert lead(TEXT) == "Quick start."
    assert lead("- -") == "- -"  # which has none


def test_the_sentence_nearest_to_the_mean_of_words_does_so() -> None:
    nearest = nearest_to_mean([TEXT, "A manual of folders.", "Rings of fast folders of a disk."])
    assert nearest(TEXT).startswith("It draws folders")
    assert nearest("It is. It was.") == "It is."  # none of its words is known
