"""A real browser that looks at the service with the default models and two small ones."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright
from services import Service

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")

IMAGENET, REVIEWS = "imagenet-efficientnet", "reviews-sentiment"
ARTICLES, FILMS = "article-summarizer", "movielens-recommender"

CLIPBOARD = ("clipboard-read", "clipboard-write")
SWITCHES = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


IS_SEEN = """(element) => {
  element.scrollIntoView({ block: "center" });
  const { left, top, width, height } = element.getBoundingClientRect();
  const { color, opacity } = getComputedStyle(element);
  const at = document.elementFromPoint(left + width / 2, top + height / 2);
  const isPainted = width > 50 && height > 8 && Number(opacity) === 1 && !color.endsWith(", 0)");
  return isPainted && element.contains(at);
}"""


def is_seen(element: Locator) -> bool:
    """Whether somebody who looks at the page can read it: it has a size and a colour, and nothing lies over it."""
    return element.is_visible() and bool(element.evaluate(IS_SEEN))


class Visit:
    """A page, and what went wrong on it: faults in the console, exceptions, requests to anybody else."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.page: Page = context.new_page()
        self.page.set_default_timeout(15_000)
        self.faults: list[str] = []
        self.page.on("console", lambda message: message.type in ("error", "warning") and self._add(message.text))
        self.page.on("pageerror", lambda error: self._add(str(error)))
        self.page.on("request", lambda request: self._is_ours(request.url) or self._add(request.url))

    def open(self, model: str) -> Page:
        """The panel of a model, after it has answered for the first time."""
        self.page.goto(f"{self.url}/#/{model}")
        self.page.locator("h2", has_text=model).wait_for()
        self.page.locator(".time").wait_for()
        return self.page

    def expect_refusals(self) -> None:
        """The browser itself writes every status of 400 and more into the console."""
        self.faults = [fault for fault in self.faults if "the server responded with a status of" not in fault]

    def _add(self, fault: str) -> None:
        self.faults.append(fault)

    def _is_ours(self, url: str) -> bool:
        return url.startswith((f"{self.url}/", "blob:", "data:"))


@contextmanager
def visiting(browser: Browser, url: str, permissions: Sequence[str] = (), height: int = 900) -> Iterator[Visit]:
    """A page of its own, on which nothing may have gone wrong in the end."""
    context = browser.new_context(viewport={"width": 1280, "height": height})
    if permissions:
        context.grant_permissions(permissions, origin=url)
    found = Visit(context, url)
    yield found
    context.close()
    assert found.faults == [], found.faults


@pytest.fixture
def visit(browser: Browser, default_service: Service) -> Iterator[Visit]:
    with visiting(browser, default_service.url, CLIPBOARD) as found:
        yield found
