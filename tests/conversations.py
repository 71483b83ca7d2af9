"""A browser that talks with small models that write text."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from browser import CLIPBOARD, Visit, visiting
from playwright.sync_api import Browser, Page, expect
from services import Service, running
from tiny_writer import WRITER, publish_writer

ENDLESS, PLAIN = "endless-writer", "plain-writer"
CHAT = "**/v1/chat/completions"
LABEL = "generated, not verified"
MOST_TOKENS = 16_000  # of the endless writer
NO_TOKEN = 900  # that ends an answer: only its length does


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A model that chats, one that writes for some ten seconds, and one without a chat template."""
    root, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_writer(root, scratch / "chat")
    publish_writer(root, scratch / "plain", PLAIN, chat_template=None)
    publish_writer(
        root,
        scratch / "endless",
        ENDLESS,
        context=MOST_TOKENS + 384,
        max_new_tokens=MOST_TOKENS,
        eos_token_ids=[NO_TOKEN],
    )
    with running(root) as service:
        yield service


@pytest.fixture
def talks(browser: Browser, writers: Service) -> Iterator[Visit]:
    with visiting(browser, writers.url, CLIPBOARD, height=1000) as found:
        yield found


def opened(visit: Visit, model: str = WRITER) -> Page:
    visit.page.goto(f"{visit.url}/#/{model}")
    visit.page.locator("h2", has_text=model).wait_for()
    visit.page.locator(".talk").wait_for()
    return visit.page


def send(page: Page, text: str, label: str = "Your message") -> None:
    page.get_by_label(label).fill(text)
    page.get_by_label(label).press("Enter")


def answered(page: Page, count: int = 1) -> str:
    """Wait until so many answers are whole, and return the last."""
    expect(page.locator(".made:not([aria-busy]) .written")).to_have_count(count)
    return page.locator(".written").last.text_content() or ""


def asked(url: str, body: dict[str, Any], path: str = "chat/completions") -> dict[str, Any]:
    answer: dict[str, Any] = httpx.post(f"{url}/v1/{path}", json=body).raise_for_status().json()
    return answer
