"""The playground for everybody: by keyboard, by screen reader, in the dark, on a phone."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import ARTICLES, FILMS, IMAGENET, REVIEWS, Visit, browser, needs_browser, visit
from playwright.sync_api import expect
from services import Service
from shown import HOSTILE, TRIPLER

pytestmark = needs_browser

__all__ = ["browser", "visit"]

PANELS = [IMAGENET, REVIEWS, ARTICLES, FILMS, TRIPLER, HOSTILE]
FOCUSED = "document.activeElement.textContent.trim() || document.activeElement.id"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("model", PANELS)
def test_axe_finds_nothing(browser, default_service: Service, model: str, scheme: str):
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    visit = Visit(context, default_service.url)
    page = visit.open(model)
    page.locator("section.card").wait_for()
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert visit.faults == []
    context.close()


@pytest.mark.parametrize("model", PANELS)
def test_nothing_is_wider_than_a_phone(browser, default_service: Service, model: str):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    visit = Visit(context, default_service.url)
    page = visit.open(model)
    page.locator("section.card").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator(".models [aria-current]")).to_be_in_viewport()
    context.close()
    assert visit.faults == []


def test_every_control_is_reached_by_tab_and_used_by_enter(visit: Visit):
    page = visit.open(REVIEWS)
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Skip to the model"
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    expect(page.locator("main h2")).to_have_text(REVIEWS)  # skipping leaves the model as it is
    reached = []
    while not reached or not re.fullmatch(r"All \d+ figures", reached[-1]):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        assert len(reached) < 40, reached
    for control in ("delighted", "Options", "Classify", "The answer as JSON", "Copy"):
        assert control in reached
    assert reached.index("Classify") < reached.index("The answer as JSON") < reached.index("Copy")


def test_another_model_is_opened_by_keyboard_and_takes_the_focus(visit: Visit):
    page = visit.open(REVIEWS)
    page.get_by_role("link", name=FILMS).press("Enter")
    heading = page.get_by_role("heading", name=FILMS)
    expect(heading).to_be_focused()
    expect(page.get_by_role("link", name=FILMS)).to_have_attribute("aria-current", "page")
    page.go_back()
    expect(page.locator("main h2")).to_have_text(REVIEWS)


def test_what_was_typed_is_still_there_after_a_look_at_another_model(visit: Visit):
    page = visit.open(REVIEWS)
    page.get_by_label("Text to classify").fill("a text of mine")
    page.get_by_role("link", name=FILMS).click()
    page.locator(".recommended li").first.wait_for()
    page.locator(f'a[href="#/{REVIEWS}"]').click()
    assert page.get_by_label("Text to classify").input_value() == "a text of mine"
