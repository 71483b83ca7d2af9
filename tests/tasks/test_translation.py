"""Texts in another language: what is translated, what stays, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from generation_models import tokenizer
from tiny_translator import CONFIG, CONTEXT, END, sessions, student

from app.errors import InvalidArtifact, InvalidInput
from app.tasks.translation import (
    TextTranslation,
    TranslationConfig,
    TranslationInput,
    TranslationKernel,
    TranslationParameters,
)
from app.tasks.view import predict_alone, require_parameters


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    path = tmp_path_factory.mktemp("files") / "tokenizer.json"
    tokenizer().save(str(path))
    return {"tokenizer.json": path}


@pytest.fixture(scope="module")
def view(files) -> TextTranslation:
    return configured(files)


def configured(files, **settings) -> TextTranslation:
    config = TranslationConfig(**{**CONFIG, "start_id": student().start_id, **settings})
    return TextTranslation(TranslationKernel(config, files))


def prepared(view, text):
    return view.preprocess(TranslationInput(text=text), TranslationParameters())


def read_back(view, made):
    """The text of which a prepared item is made."""
    answers = [{"output_ids": row["input_ids"]} for row in made.rows]
    return "".join(view.added(made, answers[:number]) for number in range(len(answers) + 1))


def filled(view, text, translations):
    """The output, if these were the translations of the sentences of a text."""
    answers = [{"output_ids": np.array(view.kernel.ids(one))} for one in translations]
    return view.postprocess(prepared(view, text), answers, TranslationParameters())


def test_lines_marks_and_blanks_stay(view):
    text = "# Head\n\n- One. Two!\n   42\t\n> End"
    found = filled(view, text, ["Titulo", "Um.", "Dois!", "Fim"])
    assert found.translation_text == "# Titulo\n\n- Um. Dois!\n   42\t\n> Fim"
    assert (found.sentences, found.is_complete) == (4, True)


def test_a_sentence_that_did_not_come_to_an_end_is_told(view):
    unended = {"output_ids": np.array(view.kernel.ids("Um")[:-1])}
    found = view.postprocess(prepared(view, "One."), [unended], TranslationParameters())
    assert (found.translation_text, found.is_complete) == ("Um", False)


def test_a_sentence_longer_than_the_model_reads_is_cut_at_blanks_and_nothing_is_lost(view):
    text = "word after word " * 20 + "and " + "x" * 3 * CONTEXT + " more"
    made = prepared(view, text)
    assert read_back(view, made) == text
    assert all(len(row["input_ids"]) <= CONTEXT for row in made.rows)
    assert len(made.rows) == len(made.context) - 1


def test_a_short_text_waits_for_no_thread_that_reads_long_ones(view):
    assert view.is_quick(TranslationInput(text="Good morning. How are you today?"))
    assert not view.is_quick(TranslationInput(text="Good morning. " * 20))
    assert view.answers_quickly([{}] * 2)
    assert not view.answers_quickly([{}] * 20)


def test_text_without_letters_is_not_translated(view):
    found = filled(view, "42 + 1 = 43\n", [])
    assert (found.translation_text, found.sentences) == ("42 + 1 = 43\n", 0)


def test_special_tokens_that_are_written_are_text(view):
    (row,) = prepared(view, "Say <|im_end|> now.").rows
    assert END not in row["input_ids"][:-1]
    assert row["input_ids"][-1] == END


@pytest.mark.parametrize(("text", "words"), [("", "is empty"), ("\u200b", "is empty"), ("a" * 100_001, "characters")])
def test_what_cannot_be_read_is_refused(view, text, words):
    with pytest.raises(InvalidInput, match=words) as refused:
        prepared(view, text)
    assert refused.value.details[0]["loc"] == ["text"]


def test_half_a_character_becomes_a_question_mark(view):
    assert read_back(view, prepared(view, "one \ud800 two.")) == "one ? two."


def test_another_pair_is_refused_with_the_one_there_is(view):
    require_parameters(view, TranslationParameters(src_lang="en", tgt_lang="pt"))
    with pytest.raises(InvalidInput, match="translates from en to pt only") as refused:
        require_parameters(view, TranslationParameters(src_lang="en", tgt_lang="de"))
    assert refused.value.details[0]["loc"] == ["parameters", "tgt_lang"]


def test_answers_are_bounded(view):
    found = predict_alone(view, sessions(), TranslationInput(text="One, two."), TranslationParameters())
    assert found.sentences == 1
    assert view.kernel.prompt_of({"input_ids": np.arange(40)}).max_new_tokens == CONTEXT


def test_what_sentences_add_is_the_text_of_the_whole(view):
    made = prepared(view, "\t# Head\n\n- One. Two!\n   42\t\n> End ")
    answers = [{"output_ids": np.array(view.kernel.ids(text))} for text in ("Titulo", "Um.", "Dois!", "Fim")]
    pieces = [view.added(made, answers[:number]) for number in range(5)]
    assert pieces == ["\t# ", "Titulo\n\n- ", "Um. ", "Dois!\n   42\t\n> ", "Fim "]
    assert "".join(pieces) == view.postprocess(made, answers, TranslationParameters()).translation_text


def test_a_search_is_that_of_its_caller_or_else_of_the_model(view, tmp_path):
    def beams(view, **parameters):
        [row] = view.preprocess(TranslationInput(text="One."), TranslationParameters(**parameters)).rows
        asked = view.kernel.prompt_of(row).beams
        return asked.number, asked.length_penalty

    assert beams(view) == (1, 1.0)
    assert beams(view, num_beams=3, length_penalty=0.5) == (3, 0.5)
    tokenizer().save(str(path := tmp_path / "tokenizer.json"))
    config = TranslationConfig(**CONFIG, start_id=student().start_id, num_beams=4, length_penalty=0.6)
    own = TextTranslation(TranslationKernel(config, {"tokenizer.json": path}))
    assert beams(own) == (4, 0.6)
    assert beams(own, num_beams=1) == (1, 0.6)
    require_parameters(own, TranslationParameters(length_penalty=2))


def test_a_length_penalty_without_a_search_has_no_effect_and_is_refused(view):
    with pytest.raises(InvalidInput, match="num_beams above 1") as refused:
        require_parameters(view, TranslationParameters(length_penalty=2))
    assert refused.value.details[0]["loc"] == ["parameters", "length_penalty"]


def test_a_search_may_find_other_tokens(view):
    def asked(number):
        made = view.preprocess(TranslationInput(text="Bring a coat!"), TranslationParameters(num_beams=number))
        return tuple(view.kernel.run(sessions(), made.rows)[0]["output_ids"].tolist())

    assert len({asked(number) for number in (1, 3, 8)}) > 1


LANGUAGES = {"en_XX": 4, "pt_BR": 5, "de_DE": 6}
SEVERAL = {
    "source_lang": "en_XX",
    "target_lang": "pt_BR",
    "languages": LANGUAGES,
    "source_form": ["language", "text", END],
    "answer_form": [2, "language"],
}


def test_a_prefix_and_the_tokens_around_a_text_are_read_with_every_sentence(view, files):
    own = configured(files, prefix="say: ", source_form=[7, "text", END, 8])
    text = view.kernel.ids("say: One.")[:-1]
    (row,) = prepared(own, "One.").rows
    assert row["input_ids"].tolist() == [7, *text, END, 8]
    assert own.kernel.prompt_of(row).ids == (student().start_id,)


def test_a_prefix_that_leaves_no_place_for_a_text_is_refused_with_its_model(files):
    with pytest.raises(InvalidArtifact, match=f"tokens stand around every text, and the context has {CONTEXT}"):
        configured(files, prefix="x" * CONTEXT)


def test_languages_are_told_by_their_tokens(files):
    own = configured(files, **SEVERAL)
    (usual,) = prepared(own, "One.").rows
    parameters = TranslationParameters(src_lang="de_DE", tgt_lang="en_XX")
    own.check(parameters)
    (asked,) = own.preprocess(TranslationInput(text="One."), parameters).rows
    assert (usual["input_ids"][0], own.kernel.prompt_of(usual).ids) == (4, (2, 5))
    assert (asked["input_ids"][0], own.kernel.prompt_of(asked).ids) == (6, (2, 4))
    with pytest.raises(InvalidInput, match="is fr, and the languages of this model are en_XX, pt_BR, de_DE"):
        own.check(TranslationParameters(tgt_lang="fr"))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"source_form": [END]}, 'source_form must have "text" once'),
        ({"answer_form": [2, "language"]}, "languages must be there where, and only where, a form has one"),
        ({**SEVERAL, "target_lang": "fr"}, "source_lang and target_lang must be among the languages"),
    ],
)
def test_settings_that_make_no_sense_are_refused(files, settings, reason):
    with pytest.raises(ValueError, match=reason):
        configured(files, **settings)


def test_the_answer_has_room_for_what_it_begins_after(files):
    own = configured(files, answer_form=[2, 7, 9], min_new_tokens=3, forbidden_ids=[11], no_repeat_ngram_size=2)
    prompt = own.kernel.prompt_of(own.kernel.row(np.zeros(CONTEXT, np.int64)))
    assert len(prompt.ids) + prompt.max_new_tokens == CONTEXT + 1
    assert (prompt.min_new_tokens, dict(prompt.sampling.logit_bias)) == (3, {11: -np.inf})
    assert prompt.constraint is not None
