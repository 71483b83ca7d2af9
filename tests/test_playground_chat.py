"""The panel of models that write text: a conversation that streams, and its stop."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import Visit, browser, needs_browser
from playwright.sync_api import Browser, Page, Route, expect
from services import Service, running
from tiny_writer import WRITER, publish_writer
from waiting import eventually

pytestmark = needs_browser

__all__ = ["browser"]

ENDLESS, PLAIN = "endless-writer", "plain-writer"
CHAT = "**/v1/chat/completions"
NO_TOKEN = 900  # that ends an answer: only its length does
LABEL = "generated, not verified"


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A model that chats, one that writes for some ten seconds, and one without a chat template."""
    root, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_writer(root, scratch / "chat")
    publish_writer(root, scratch / "plain", PLAIN, chat_template=None)
    many = 16_000
    publish_writer(
        root, scratch / "endless", ENDLESS, context=many + 384, max_new_tokens=many, eos_token_ids=[NO_TOKEN]
    )
    with running(root) as service:
        yield service


@pytest.fixture
def visit(browser: Browser, writers: Service) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=writers.url)
    found = Visit(context, writers.url)
    yield found
    context.close()
    assert found.faults == [], found.faults


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


def test_a_message_is_sent_by_enter_and_its_answer_is_what_the_service_says(visit: Visit):
    page = opened(visit)
    send(page, "hello")
    said = answered(page)
    expected = asked(visit.url, {"model": WRITER, "messages": [{"role": "user", "content": "hello"}]})
    assert said == expected["choices"][0]["message"]["content"]
    expect(page.get_by_label("Your message")).to_have_value("")
    expect(page.locator(".asked .said")).to_have_text("hello")


def test_an_answer_appears_in_parts_until_it_is_stopped_and_then_the_service_writes_no_more(
    visit: Visit, writers: Service
):
    page = opened(visit, ENDLESS)
    send(page, "hello")
    written = page.locator(".written")
    expect(written).not_to_be_empty()
    first = written.text_content() or ""
    expect(written).not_to_have_text(first, use_inner_text=False)
    assert (written.text_content() or "").startswith(first)
    assert writers.metric("tessera_generations_in_flight") == 1
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".made")).to_contain_text("Stopped.")
    eventually(lambda: writers.metric("tessera_generations_in_flight") == 0)
    num_tokens = int(page.locator(".figures dd").nth(2).inner_text())
    assert 0 < num_tokens < 16_000
    expect(page.get_by_role("button", name="Send")).to_be_focused()


def test_escape_stops_and_what_was_written_stays_in_the_conversation(visit: Visit):
    page = opened(visit, ENDLESS)
    send(page, "hello")
    expect(page.locator(".written")).not_to_be_empty()
    page.keyboard.press("Escape")
    said = answered(page)
    with page.expect_request(CHAT) as sent:
        send(page, "go on")
    messages = sent.value.post_data_json["messages"]
    assert messages == [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": said},
        {"role": "user", "content": "go on"},
    ]
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.get_by_label("Your message")).to_be_focused()
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_shift_enter_begins_a_line_and_enter_that_chooses_a_character_sends_nothing(visit: Visit):
    page = opened(visit)
    area = page.get_by_label("Your message")
    area.fill("one")
    area.press("Shift+Enter")
    area.press_sequentially("two")
    area.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(area).to_have_value("one\ntwo")
    expect(page.locator(".turn")).to_have_count(0)
    area.press("Enter")
    expect(page.locator(".asked .said")).to_have_text("one\ntwo", use_inner_text=True)
    answered(page)


def test_settings_are_sent_and_those_that_are_empty_are_not(visit: Visit):
    page = opened(visit)
    with page.expect_request(CHAT) as sent:
        send(page, "hello")
    model, options = {"model": WRITER, "stream": True}, {"stream_options": {"continuous_usage_stats": True}}
    hello = {"role": "user", "content": "hello"}
    assert sent.value.post_data_json == {**model, **options, "messages": [hello]}
    answered(page)
    page.get_by_role("button", name="Clear").click()
    values = {"temperature": 0.5, "top p": 0.9, "max tokens": 7, "seed": 3}
    for name, value in values.items():
        page.get_by_label(name, exact=True).fill(str(value))
    page.get_by_label("System message").fill("Be brief.")
    page.get_by_label("Stop at").fill("zz\n\nyy")
    with page.expect_request(CHAT) as sent:
        send(page, "hello")
    settings = {name.replace(" ", "_"): value for name, value in values.items()}
    messages = [{"role": "system", "content": "Be brief."}, hello]
    body = {**model, **settings, "stop": ["zz", "yy"], "messages": messages}
    assert sent.value.post_data_json == {**body, **options}
    said = answered(page)
    whole = asked(visit.url, {**body, "stream": False})
    assert said == whole["choices"][0]["message"]["content"]
    if whole["choices"][0]["finish_reason"] == "length":
        expect(page.locator(".made")).to_contain_text("Cut off: it has as many tokens as it may have.")


def test_every_answer_is_labelled_as_generated_and_not_verified(visit: Visit):
    page = opened(visit)
    expect(page.locator("p.unverified")).to_contain_text("nobody has verified it")
    for count, text in enumerate(("one", "two"), 1):
        send(page, text)
        answered(page, count)
    expect(page.locator(".made small.unverified")).to_have_text([LABEL, LABEL])
    expect(page.locator(".asked .unverified")).to_have_count(0)


def test_speed_and_tokens_are_those_of_the_service(visit: Visit):
    page = opened(visit)
    text = "It is long enough to be worth remembering. " * 2
    message = {"role": "user", "content": text}
    send(page, text)
    said = answered(page)
    usage = asked(visit.url, {"model": WRITER, "messages": [message]})["usage"]
    first, rate, written, total, of_all = page.locator(".figures dd").all_inner_texts()
    assert re.fullmatch(r"\d+\.\d\d s", first)
    assert float(rate) > 0
    assert (int(written), int(total), int(of_all)) == (usage["completion_tokens"], usage["total_tokens"], int(total))
    send(page, "more")
    answered(page, 2)
    messages = [message, {"role": "assistant", "content": said}, {"role": "user", "content": "more"}]
    second = asked(visit.url, {"model": WRITER, "messages": messages})["usage"]
    expect(page.locator(".figures dd").last).to_have_text(str(usage["total_tokens"] + second["total_tokens"]))
    expect(page.locator(".figures dt").nth(3)).to_contain_text("of it remembered")


def test_a_refusal_is_shown_in_the_words_of_the_service_and_the_message_can_be_sent_again(visit: Visit):
    page = opened(visit)
    page.get_by_label("temperature").fill("9")
    send(page, "hello")
    body = {"model": WRITER, "messages": [{"role": "user", "content": "hello"}], "temperature": 9}
    error = httpx.post(f"{visit.url}/v1/chat/completions", json=body).json()["error"]
    failure = page.get_by_role("alert").locator("visible=true")
    expect(failure).to_contain_text(error["message"])
    expect(failure).to_contain_text(f"400 · {error['type']} · request ")
    expect(page.get_by_label("Your message")).to_have_value("hello")
    expect(page.locator(".turn")).to_have_count(0)
    page.get_by_label("temperature").fill("0")
    page.get_by_label("Your message").press("Enter")
    answered(page)
    expect(page.locator(".failure")).to_have_count(0)
    visit.expect_refusals()


USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
BEGUN = {"choices": [{"index": 0, "delta": {"content": "<b>so far"}, "finish_reason": None}], "usage": USAGE}
FAILED = {"error": {"message": "the model failed", "type": "server_error", "code": None, "request_id": "r1"}}


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        pytest.param(f"data: {json.dumps(FAILED)}\n\ndata: [DONE]\n\n", "the model failed", id="with an error"),
        pytest.param("", "The answer broke off", id="with nothing"),
        pytest.param("data: {\n\n", "The answer broke off", id="with what is no JSON"),
    ],
)
def test_an_answer_that_ends_before_its_end_keeps_what_was_written_beside_the_error(visit: Visit, rest: str, said: str):
    page = opened(visit)
    body = f": ping\n\ndata: {json.dumps(BEGUN)}\n\n{rest}"
    page.route(CHAT, lambda route: route.fulfill(body=body, content_type="text/event-stream"))
    send(page, "hello")
    assert answered(page) == "<b>so far"
    expect(page.locator(".made")).to_contain_text("Broken off.")
    expect(page.locator(".failure")).to_contain_text(said)


def test_an_answer_and_a_whole_conversation_are_copied(visit: Visit):
    page = opened(visit)
    send(page, "hello")
    said = answered(page)
    page.get_by_role("button", name=f"Copy what {WRITER} wrote").click()
    expect(page.locator(".made").get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == said
    page.get_by_role("button", name="Copy the whole conversation").click()
    expect(page.locator(".talk > .head").get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"You:\nhello\n\n{WRITER} ({LABEL}):\n{said}"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_line_streams_the_same_answer(visit: Visit):
    page = opened(visit)
    send(page, 'it\'s "me" $HOME')
    said = answered(page)
    line = page.locator(".curl").inner_text()
    out = subprocess.run(["bash", "-c", line], capture_output=True, check=True, timeout=30).stdout.decode()
    *chunks, end = re.findall("^data: (.*)$", out, re.MULTILINE)
    assert end == "[DONE]"
    assert "".join(json.loads(one)["choices"][0]["delta"].get("content", "") for one in chunks) == said


def test_a_key_is_asked_for_and_sent_with_the_stream(visit: Visit):
    def guard(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer s3cret":
            route.continue_()
        else:
            error = {"message": "a valid key is needed", "type": "authentication_error", "code": "invalid_api_key"}
            route.fulfill(json={"error": error}, status=401)

    page = opened(visit)
    page.route(CHAT, guard)
    send(page, "hello")
    expect(page.get_by_role("dialog")).to_contain_text("a valid key is needed")
    page.get_by_label("API key").fill("s3cret")
    page.get_by_label("API key").press("Enter")
    assert answered(page) != ""
    visit.expect_refusals()


def test_an_answer_is_told_to_a_screen_reader_once_when_it_is_whole(visit: Visit):
    page = opened(visit)
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


def test_everything_is_done_by_keyboard_and_the_focus_is_never_lost(visit: Visit):
    page = opened(visit, ENDLESS)
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


def test_a_model_without_a_chat_template_goes_on_with_a_text(visit: Visit):
    page = opened(visit, PLAIN)
    expect(page.get_by_label("System message")).to_have_count(0)
    label = "Beginning of a text"
    send(page, "hello", label)
    said = answered(page)
    expected = asked(visit.url, {"model": PLAIN, "prompt": "hello", "max_tokens": 24}, "completions")
    assert said == expected["choices"][0]["text"]
    assert page.locator(".made .said").text_content() == f"hello{said}"
    expect(page.locator(".made small.unverified")).to_have_text(LABEL)
    page.get_by_role("button", name="Go on from here").click()
    with page.expect_request("**/v1/completions") as sent:
        page.get_by_label(label).press("Enter")
    assert sent.value.post_data_json["prompt"] == page.get_by_label(label).input_value()
    answered(page, 2)


def test_events_are_read_wherever_they_are_cut(visit: Visit):
    page = opened(visit)
    text = 'id: 1\n: ping\n\ndata: {"a": "é😀"}\r\n\r\ndata:x\rdata: y\r\revent: named\ndata\ndata:  z: \n\ndata: lost'
    bytes_ = list(text.encode())
    expected = ['{"a": "é😀"}', "x\ny", "\n z: "]
    found = page.evaluate(
        """async ([bytes, longest]) => {
          const { eventsOf } = await import("/pages/events.js");
          const read = async (size) => {
            const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size));
            const body = new ReadableStream({ start(sink) { parts.forEach((part) => sink.enqueue(Uint8Array.from(part))); sink.close(); } });
            const found = [];
            for await (const data of eventsOf(body)) found.push(data);
            return found;
          };
          return Promise.all(Array.from({ length: longest }, (_, i) => read(i + 1)));
        }""",  # noqa: E501
        [bytes_, len(bytes_)],
    )
    assert found == [expected] * len(bytes_)


def test_whoever_stops_reading_events_ends_their_stream(visit: Visit):
    page = opened(visit)
    ended = page.evaluate(
        """async () => {
          const { eventsOf } = await import("/pages/events.js");
          let ended = false;
          const body = new ReadableStream({
            pull(sink) { sink.enqueue(new TextEncoder().encode("data: more\\n\\n")); },
            cancel() { ended = true; },
          });
          for await (const _ of eventsOf(body)) break;
          return ended;
        }"""
    )
    assert ended
