"""The panel of a summarizer that can let another model write: what is written says so, where it is read."""

from collections.abc import Iterator

import pytest
from browser import Visit, browser, is_seen, needs_browser
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
    with running(root) as service:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        found = Visit(context, service.url)
        yield found
        context.close()
        assert found.faults == [], found.faults


def test_a_summary_that_was_written_is_labelled_and_one_of_chosen_sentences_is_not(summarizes: Visit):
    page = summarizes.open(NAME)
    label = page.locator("p.unverified", has_text=LABEL)
    page.get_by_label("Article to summarise").fill(TEXT)
    page.get_by_role("button", name="Summarise").click()
    expect(page.locator(".summary")).not_to_be_empty()
    expect(label).to_be_hidden()
    page.get_by_text("Options").click()
    page.get_by_label("mode", exact=True).select_option("abstractive")
    page.get_by_role("button", name="Summarise").click()
    expect(label).to_be_visible()
    assert is_seen(label)
    expect(page.get_by_role("status").last).to_contain_text("not verified")
    summary, said = page.locator(".summary").bounding_box(), label.bounding_box()
    assert summary is not None
    assert said is not None
    assert 0 <= said["y"] - (summary["y"] + summary["height"]) < 40  # right below the text
    page.get_by_label("mode", exact=True).select_option("extractive")
    page.get_by_role("button", name="Summarise").click()
    expect(label).to_be_hidden()
