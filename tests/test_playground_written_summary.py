"""The panel of a summarizer that can let another model write: what is written says so, where it is read."""

from collections.abc import Iterator

import pytest
from browser import Visit, browser, is_seen, needs_browser, visiting
from playwright.sync_api import Browser, expect
from services import running
from tiny_summarizer import NAME, TEXT, publish_summarizer
from tiny_writer import WRITER, publish_writer

pytestmark = needs_browser

__all__ = ["browser"]

LABEL = "Nobody has verified it."


@pytest.fixture
def summarizes(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    root, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_writer(root, scratch / "writer")
    publish_summarizer(root, scratch / "summarizer", writer=WRITER)
    with running(root) as service, visiting(browser, service.url) as found:
        yield found


def test_a_summary_that_was_written_is_labelled_and_one_of_chosen_sentences_is_not(summarizes: Visit):
    page = summarizes.open(NAME)
    label = page.locator("p.unverified", has_text=LABEL)
    page.get_by_label("Article to summarise").fill(TEXT)
    page.get_by_role("button", name="Summarise").click()
    expect(page.locator("p.summary").first).to_have_text(TEXT)
    expect(label).to_be_hidden()
    page.get_by_text("Options").click()
    page.get_by_label("mode", exact=True).select_option("abstractive")
    page.get_by_role("button", name="Summarise").click()
    expect(label).to_be_visible()
    assert is_seen(label)
    expect(page.get_by_role("status").last).to_contain_text("not verified")
    summary, said = page.locator(".beside .summary").first.bounding_box(), label.bounding_box()
    assert summary is not None
    assert said is not None
    assert 0 <= said["y"] - (summary["y"] + summary["height"]) < 40  # right below the text
    other = page.locator(".beside p.summary")
    expect(other).to_have_text(TEXT)
    beside = other.bounding_box()
    assert beside is not None
    assert beside["x"] >= summary["x"] + summary["width"]
    assert beside["y"] == summary["y"]
    page.get_by_label("mode", exact=True).select_option("extractive")
    page.get_by_role("button", name="Summarise").click()
    expect(label).to_be_hidden()


REPLACED = """async (words) => {
  const { Beside } = await import("/pages/panels/written_summary.js");
  const shown = new Beside();
  const text = "It costs 900 euros, says Ærø.";
  shown.compare = () => {};
  shown.show({ generated: true, sentences: [
    { text: "It is cheap.", generated: false, support: [], replaces: text, unsupported: words },
    { text: "It was written.", generated: true, support: [], replaces: null, unsupported: [] }] }, () => null);
  return [...shown.element.querySelectorAll("mark.unsupported")].map((mark) => mark.textContent)
    .concat(shown.element.querySelector("s").textContent === text);
}"""


def test_words_that_the_text_does_not_have_are_marked_in_the_sentence_that_was_refused(summarizes: Visit):
    page = summarizes.open(NAME)
    assert page.evaluate(REPLACED, ["900", "ærø"]) == ["900", "Ærø", True]
    assert page.evaluate(REPLACED, ["(no.such", "EUROS"]) == ["euros", True]
