"""The panel of a translator, used in a real browser: two columns, line by line."""

from collections.abc import Iterator

import httpx
import pytest
from browser import Visit, browser, is_seen, needs_browser, visiting
from playwright.sync_api import Browser, expect
from services import Service, running
from tiny_translator import TRANSLATOR, publish_translator

pytestmark = needs_browser

__all__ = ["browser"]

TEXT = "# Notes\n\n- One item. Two of it.\n- Another"


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("models")
    publish_translator(root, tmp_path_factory.mktemp("scratch"))
    with running(root) as service:
        yield service


@pytest.fixture
def visit(browser: Browser, translator: Service) -> Iterator[Visit]:
    with visiting(browser, translator.url) as found:
        yield found


def test_the_translation_follows_the_typing_with_its_lines_and_a_label(visit: Visit):
    page = visit.open(TRANSLATOR)
    page.locator("textarea").fill(TEXT)
    asked = {"inputs": [{"text": TEXT}]}
    expected = httpx.post(f"{visit.url}/v1/models/{TRANSLATOR}/predict", json=asked).json()["outputs"][0]
    written = page.locator(".translated")
    expect(written).to_have_text(expected["translation_text"], use_inner_text=False)
    assert written.inner_text().count("\n") >= 3
    label = page.get_by_text("Written by a model. Nobody has verified it.")
    assert is_seen(written)
    assert is_seen(label)
    assert written.bounding_box()["x"] > page.locator("textarea").bounding_box()["x"] + 300  # beside it


def test_another_language_is_refused_in_the_words_of_the_service(visit: Visit):
    page = visit.open(TRANSLATOR)
    page.get_by_text("Options").click()
    page.get_by_label("tgt lang").fill("de")
    page.get_by_role("button", name="Translate").click()
    expect(page.locator(".failure")).to_contain_text("is de, and this model translates from en to pt only")
    visit.expect_refusals()
