"""The panel of models that write text: a conversation that streams, its stop, and its settings."""

import json
import re
import shutil
import subprocess

import pytest
from browser import Visit, browser, is_seen, needs_browser
from conversations import CHAT, ENDLESS, LABEL, MOST_TOKENS, PLAIN, answered, asked, opened, send, talks, writers
from playwright.sync_api import expect
from services import Service
from tiny_writer import WRITER
from waiting import eventually

pytestmark = needs_browser

__all__ = ["browser", "talks", "writers"]


def test_a_message_is_sent_by_enter_and_its_answer_is_what_the_service_says(talks: Visit):
    page = opened(talks)
    send(page, "hello")
    said = answered(page)
    expected = asked(talks.url, {"model": WRITER, "messages": [{"role": "user", "content": "hello"}]})
    assert said == expected["choices"][0]["message"]["content"]
    expect(page.get_by_label("Your message")).to_have_value("")
    expect(page.locator(".asked .said")).to_have_text("hello")


def test_an_answer_appears_in_parts_until_it_is_stopped_and_then_the_service_writes_no_more(
    talks: Visit, writers: Service
):
    page = opened(talks, ENDLESS)
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
    assert 0 < num_tokens < MOST_TOKENS
    expect(page.get_by_role("button", name="Send")).to_be_focused()


def test_escape_stops_and_what_was_written_stays_in_the_conversation(talks: Visit):
    page = opened(talks, ENDLESS)
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


def test_shift_enter_begins_a_line_and_enter_that_chooses_a_character_sends_nothing(talks: Visit):
    page = opened(talks)
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


def test_settings_are_sent_and_those_that_are_empty_are_not(talks: Visit):
    page = opened(talks)
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
    whole = asked(talks.url, {**body, "stream": False})
    assert said == whole["choices"][0]["message"]["content"]
    if whole["choices"][0]["finish_reason"] == "length":
        expect(page.locator(".made")).to_contain_text("Cut off: it has as many tokens as it may have.")


def test_every_answer_is_labelled_as_generated_and_not_verified(talks: Visit):
    page = opened(talks)
    expect(page.locator("p.unverified")).to_contain_text("nobody has verified it")
    for count, text in enumerate(("one", "two"), 1):
        send(page, text)
        answered(page, count)
    labels = page.locator(".made small.unverified")
    expect(labels).to_have_text([LABEL, LABEL])
    for label in (page.locator("p.unverified"), *labels.all()):
        assert is_seen(label)
    expect(page.locator(".asked .unverified")).to_have_count(0)


def test_speed_and_tokens_are_those_of_the_service(talks: Visit):
    page = opened(talks)
    text = "It is long enough to be worth remembering. " * 2
    message = {"role": "user", "content": text}
    send(page, text)
    said = answered(page)
    usage = asked(talks.url, {"model": WRITER, "messages": [message]})["usage"]
    first, rate, written, total, of_all = page.locator(".figures dd").all_inner_texts()
    assert re.fullmatch(r"\d+\.\d\d s", first)
    assert float(rate) > 0
    assert (int(written), int(total), int(of_all)) == (usage["completion_tokens"], usage["total_tokens"], int(total))
    send(page, "more")
    answered(page, 2)
    messages = [message, {"role": "assistant", "content": said}, {"role": "user", "content": "more"}]
    second = asked(talks.url, {"model": WRITER, "messages": messages})["usage"]
    expect(page.locator(".figures dd").last).to_have_text(str(usage["total_tokens"] + second["total_tokens"]))
    expect(page.locator(".figures dt").nth(3)).to_contain_text("of it remembered")


def test_an_answer_and_a_whole_conversation_are_copied(talks: Visit):
    page = opened(talks)
    send(page, "hello")
    said = answered(page)
    page.get_by_role("button", name=f"Copy what {WRITER} wrote").click()
    expect(page.locator(".made").get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == said
    page.get_by_role("button", name="Copy the whole conversation").click()
    expect(page.locator(".talk > .head").get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"You:\nhello\n\n{WRITER} ({LABEL}):\n{said}"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_line_streams_the_same_answer(talks: Visit):
    page = opened(talks)
    send(page, 'it\'s "me" $HOME')
    said = answered(page)
    line = page.locator(".curl").inner_text()
    out = subprocess.run(["bash", "-c", line], capture_output=True, check=True, timeout=30).stdout.decode()
    *chunks, end = re.findall("^data: (.*)$", out, re.MULTILINE)
    assert end == "[DONE]"
    assert "".join(json.loads(one)["choices"][0]["delta"].get("content", "") for one in chunks) == said


def test_a_model_without_a_chat_template_goes_on_with_a_text(talks: Visit):
    page = opened(talks, PLAIN)
    expect(page.get_by_label("System message")).to_have_count(0)
    label = "Beginning of a text"
    send(page, "hello", label)
    said = answered(page)
    expected = asked(talks.url, {"model": PLAIN, "prompt": "hello", "max_tokens": 24}, "completions")
    assert said == expected["choices"][0]["text"]
    assert page.locator(".made .said").text_content() == f"hello{said}"
    expect(page.locator(".made small.unverified")).to_have_text(LABEL)
    page.get_by_role("button", name="Go on from here").click()
    with page.expect_request("**/v1/completions") as sent:
        page.get_by_label(label).press("Enter")
    assert sent.value.post_data_json["prompt"] == page.get_by_label(label).input_value()
    answered(page, 2)
