"""The panel of models that write text for everybody: by keyboard, by screen reader, in the dark, on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import Visit, browser, needs_browser
from conversations import ENDLESS, PLAIN, answered, opened, send, talks, writers
from playwright.sync_api import Browser, expect
from services import Service
from tiny_writer import WRITER

pytestmark = needs_browser

__all__ = ["browser", "talks", "writers"]


def test_an_answer_is_told_to_a_screen_reader_once_when_it_is_whole(talks: Visit):
    page = opened(talks)
    page.evaluate(
        """() => {
          window.told = [];
          const status = document.getElementById("announcement");
          new MutationObserver(() => told.push(status.textContent)).observe(status, { childList: true });
        }"""
    )
    send(page, "hello")
    said = answered(page)
    expect(page.locator("#announcement")).to_contain_text(f"{WRITER} wrote: ")
    assert page.evaluate("told.map((each) => each.trim())") == [
        f"{WRITER} is writing",
        f"{WRITER} wrote: {said} {page.locator('.made > p.quiet').text_content()}".strip(),
    ]
    assert page.locator(".talk [aria-live], .talk [role=log], .talk [role=status]").count() == 0
    expect(page.locator("#announcement")).to_have_attribute("role", "status")


def test_everything_is_done_by_keyboard_and_the_focus_is_never_lost(talks: Visit):
    page = opened(talks, ENDLESS)
    page.get_by_label("Your message").fill("hello")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Send")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    expect(page.locator(".written")).not_to_be_empty()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Send")).to_be_focused()
    expect(page.locator(".made")).to_contain_text("Stopped.")
    names = ("Clear", "Copy the whole conversation")
    for name in names:
        page.get_by_role("button", name=name).focus()
        expect(page.get_by_role("button", name=name)).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("model", [WRITER, PLAIN])
def test_axe_finds_nothing(browser: Browser, writers: Service, model: str, scheme: str):
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    visit = Visit(context, writers.url)
    page = opened(visit, model)
    page.locator("section.card").wait_for()
    send(page, "hello", "Your message" if model == WRITER else "Beginning of a text")
    answered(page)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert visit.faults == []
    context.close()


def test_a_conversation_is_no_wider_than_a_phone(browser: Browser, writers: Service):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    visit = Visit(context, writers.url)
    page = opened(visit, ENDLESS)
    send(page, "long" * 200)
    expect(page.locator(".written")).not_to_be_empty()
    expect(page.get_by_role("button", name="Stop")).to_be_in_viewport()
    page.get_by_role("button", name="Stop").click()
    answered(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
    assert visit.faults == []
