"""The panel of models that write text where something is refused, breaks off, or comes in pieces."""

import json

import httpx
import pytest
from browser import Visit, browser, needs_browser
from conversations import CHAT, answered, opened, send, talks, writers
from playwright.sync_api import Route, expect
from tiny_writer import WRITER

pytestmark = needs_browser

__all__ = ["browser", "talks", "writers"]


def test_a_refusal_is_shown_in_the_words_of_the_service_and_the_message_can_be_sent_again(talks: Visit):
    page = opened(talks)
    page.get_by_label("temperature").fill("9")
    send(page, "hello")
    body = {"model": WRITER, "messages": [{"role": "user", "content": "hello"}], "temperature": 9}
    error = httpx.post(f"{talks.url}/v1/chat/completions", json=body).json()["error"]
    failure = page.get_by_role("alert").locator("visible=true")
    expect(failure).to_contain_text(error["message"])
    expect(failure).to_contain_text(f"400 · {error['type']} · request ")
    expect(page.get_by_label("Your message")).to_have_value("hello")
    expect(page.locator(".turn")).to_have_count(0)
    page.get_by_label("temperature").fill("0")
    page.get_by_label("Your message").press("Enter")
    answered(page)
    expect(page.locator(".failure")).to_have_count(0)
    talks.expect_refusals()


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
def test_an_answer_that_ends_before_its_end_keeps_what_was_written_beside_the_error(talks: Visit, rest: str, said: str):
    page = opened(talks)
    body = f": ping\n\ndata: {json.dumps(BEGUN)}\n\n{rest}"
    page.route(CHAT, lambda route: route.fulfill(body=body, content_type="text/event-stream"))
    send(page, "hello")
    assert answered(page) == "<b>so far"
    expect(page.locator(".made")).to_contain_text("Broken off.")
    expect(page.locator(".failure")).to_contain_text(said)


def test_a_key_is_asked_for_and_sent_with_the_stream(talks: Visit):
    def guard(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer s3cret":
            route.continue_()
        else:
            error = {"message": "a valid key is needed", "type": "authentication_error", "code": "invalid_api_key"}
            route.fulfill(json={"error": error}, status=401)

    page = opened(talks)
    page.route(CHAT, guard)
    send(page, "hello")
    expect(page.get_by_role("dialog")).to_contain_text("a valid key is needed")
    page.get_by_label("API key").fill("s3cret")
    page.get_by_label("API key").press("Enter")
    assert answered(page) != ""
    talks.expect_refusals()


def test_events_are_read_wherever_they_are_cut(talks: Visit):
    page = opened(talks)
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


def test_whoever_stops_reading_events_ends_their_stream(talks: Visit):
    page = opened(talks)
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
