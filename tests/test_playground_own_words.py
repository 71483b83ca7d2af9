"""The panel of a summarizer that writes in its own words: what it invents is marked, and nothing is said of places."""

from collections.abc import Iterator

import pytest
from browser import Visit, browser, is_seen, needs_browser, visiting
from playwright.sync_api import Browser, expect
from services import running
from tiny_own_words import WRITER_OF_LINES, publish_lines

pytestmark = needs_browser

__all__ = ["browser"]


@pytest.fixture
def lines(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    root, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_lines(root, scratch)
    with running(root) as service, visiting(browser, service.url) as found:
        yield found


SHOWN = """async () => {
  const { Beside } = await import("/pages/panels/written_summary.js");
  const shown = new Beside();
  const output = { summary_text: "🌊 ferry to Ærø with 12 cars", generated: true, verified: false, is_complete: false,
    unsupported: [{ start: 11, end: 14, text: "Ærø" }, { start: 20, end: 22, text: "12" }], is_truncated: true };
  shown.show(output, () => { throw new Error("nothing else is asked"); });
  document.querySelector(".answer, main").append(shown.element);
  const marks = [...shown.element.querySelectorAll("mark.unsupported")];
  return { marks: marks.map((one) => one.textContent), line: getComputedStyle(marks[0]).textDecorationLine,
    label: shown.label.textContent, alone: shown.other.hidden };
}"""


def test_a_summary_in_own_words_is_labelled_and_stands_alone(lines: Visit):
    page = lines.open(WRITER_OF_LINES)
    page.get_by_text("Options").click()
    assert page.get_by_label("mode", exact=True).input_value() == ""
    page.get_by_label("Article to summarise").fill("The ferry is in port.")
    page.get_by_role("button", name="Summarise").click()
    label = page.locator("p.unverified", has_text="Nobody has verified it.")
    expect(label).to_be_visible()
    assert is_seen(label)
    expect(page.locator(".beside p.own")).not_to_be_empty()
    for other in ("Word for word", "Where that stands"):
        expect(page.get_by_role("heading", name=other)).to_be_hidden()
    expect(page.get_by_role("status").last).to_contain_text("not verified")


def test_words_that_the_text_does_not_have_are_marked_where_they_stand(lines: Visit):
    page = lines.open(WRITER_OF_LINES)
    found = page.evaluate(SHOWN)
    assert found["marks"] == ["Ærø", "12"]
    assert found["line"] == "underline"
    assert found["alone"]
    assert found["label"].endswith(
        "What is marked is not in the text. It did not come to its end. Only the beginning of the text was read."
    )


def test_a_text_that_is_too_long_is_refused_in_the_words_of_the_service(lines: Visit):
    page = lines.open(WRITER_OF_LINES)
    page.get_by_label("Article to summarise").fill("The ferry is in port. " * 20)
    page.get_by_role("button", name="Summarise").click()
    expect(page.locator(".failure")).to_contain_text("the model reads at most")
    lines.expect_refusals()
