from collections.abc import Callable

import pytest

from training.data.summarized_texts import Split, Summarized, _article, load_articles, load_news, with_teaser
from training.errors import TrainingError

ARTICLE = """{{Infobox thing | colour = {{green}} }}
'''Moss''' is a [[plant|small plant]] that grows in shade.<ref>A book.</ref> INTRODUCTION

== Growth ==
[[File:Moss.jpg|thumb|Moss on a stone]]
It grows on ''stones'' (; and wood).
{| class="wikitable"
| cell
|}
* a list
=== In winter ===
BODY

== See also ==
Ferns
"""


def long_article() -> str:
    return ARTICLE.replace("INTRODUCTION", "It is green. " * 20).replace("BODY", "It keeps its colour. " * 150)


def loaded(load: Callable[[], Split]) -> Split:
    try:
        return load()
    except TrainingError as error:
        pytest.skip(str(error))


def test_an_introduction_is_the_reference_and_no_part_of_the_text() -> None:
    pytest.importorskip("mwparserfromhell")
    article = _article(long_article())
    assert article
    assert article.reference.startswith("Moss is a small plant that grows in shade. It is green.")
    assert article.text.startswith("It grows on stones")
    assert "small plant" not in article.text


def test_of_an_article_only_its_sentences_are_left() -> None:
    pytest.importorskip("mwparserfromhell")
    article = _article(long_article())
    assert article
    for other in ("Infobox", "green}", "A book", "thumb", "Moss on", "cell", "a list", "In winter", "Ferns", "=="):
        assert other not in article.reference + article.text


def test_what_is_too_short_to_be_summarised_is_left_out() -> None:
    pytest.importorskip("mwparserfromhell")
    assert _article(ARTICLE) is None


def test_a_teaser_is_the_beginning_of_another_story() -> None:
    stories = [
        Summarized(" ".join(f"Story {name} says number {i} aloud." for i in range(9)), f"headline {name}")
        for name in ("one", "two")
    ]
    first, second = with_teaser(stories)
    assert first.reference == "headline one"
    assert first.text == stories[1].text[: first.text.index("\n\n")] + "\n\n" + stories[0].text
    assert first.text.count("Story two") == 4
    assert second.text.count("Story one") == 4


def test_news_has_two_parts_without_a_common_headline() -> None:
    news = loaded(load_news)
    assert (len(news.validation), len(news.test)) == (400, 1_000)
    assert not {story.reference for story in news.validation} & {story.reference for story in news.test}
    assert all("Reuter\n\x03" not in story.text and len(story.text.split()) >= 200 for story in news.test)


def test_articles_have_two_parts_without_a_common_one() -> None:
    pytest.importorskip("mwparserfromhell")
    articles = loaded(load_articles)
    assert (len(articles.validation), len(articles.test)) == (28, 56)
    assert not {one.reference for one in articles.validation} & {one.reference for one in articles.test}
