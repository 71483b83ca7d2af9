"""The panel of a recognizer of speech, used in a real browser: a file, the microphone, and segments that are played."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import CHROMIUM, SWITCHES, Visit, is_seen, needs_browser, visiting
from playwright.sync_api import Browser, expect, sync_playwright
from services import Service, running
from tiny_speech import RECOGNIZER, file_of, publish_recognizer, silence, tone

pytestmark = needs_browser

BEEPS = "--use-fake-device-for-media-stream"  # a microphone that hears them


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("models")
    publish_recognizer(root, tmp_path_factory.mktemp("scratch"))
    with running(root) as service:
        yield service


@pytest.fixture(scope="module")
def hearing() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*SWITCHES, BEEPS])
        yield browser
        browser.close()


@pytest.fixture
def visit(hearing: Browser, recognizer: Service) -> Iterator[Visit]:
    with visiting(hearing, recognizer.url) as found:
        yield found


def chosen(visit: Visit, folder: Path, content: bytes) -> None:
    path = folder / "speech.flac"
    path.write_bytes(content)
    visit.page.locator("input[type=file]").set_input_files(path)


def test_a_file_is_written_down_in_segments_that_are_played_when_pressed(visit: Visit, tmp_path: Path):
    page = visit.open(RECOGNIZER)
    content = file_of(tone(3), "FLAC")
    chosen(visit, tmp_path, content)
    asked = {"content": content, "params": {"return_timestamps": True}}
    reply = httpx.post(f"{visit.url}/v1/models/{RECOGNIZER}/predict", **asked).json()["outputs"][0]
    segments = page.locator(".segment")
    expect(segments).to_have_count(len(reply["segments"]))
    expect(segments.last.locator(".prose")).to_have_text(reply["segments"][-1]["text"])
    assert is_seen(page.get_by_text("Written by a model. Nobody has verified it."))
    started = "() => document.querySelector('audio').currentTime >= "
    second = next(at for at, one in enumerate(reply["segments"]) if 0 < one["start"] < 3)
    segments.nth(second).click()
    page.wait_for_function(f"{started}{reply['segments'][second]['start']}")
    expect(page.locator(".shell code")).to_contain_text("--data-binary '@speech.flac'")


def test_silence_is_said_to_be_silence(visit: Visit, tmp_path: Path):
    page = visit.open(RECOGNIZER)
    chosen(visit, tmp_path, file_of(silence(65), "FLAC"))
    expect(page.locator(".answer")).to_contain_text("Nobody seems to speak in this recording. 1:05 long, 0:00 of it")
    expect(page.get_by_text("Nobody has verified it.")).to_be_hidden()


def test_what_is_no_sound_is_refused_in_the_words_of_the_service(visit: Visit, tmp_path: Path):
    page = visit.open(RECOGNIZER)
    chosen(visit, tmp_path, b"I am a text")
    expect(page.locator(".failure")).to_contain_text("is not a file of sound that is read")
    expect(page.locator("audio")).to_be_hidden()
    visit.expect_refusals()


def test_the_microphone_is_recorded_with_its_level_and_can_be_heard(visit: Visit):
    visit.page.context.grant_permissions(["microphone"], origin=visit.url)
    page = visit.open(RECOGNIZER)
    page.get_by_role("button", name="Record", exact=True).click()
    meter = page.get_by_role("meter", name="Level of the microphone")
    page.wait_for_function("() => document.querySelector('meter').value > 0.01")
    assert is_seen(meter)
    expect(page.locator(".hearing")).to_contain_text("0:02")
    with page.expect_response("**/predict*") as answered:
        page.get_by_role("button", name="Stop").click()
    assert answered.value.request.headers["content-type"] == "audio/wav"
    assert answered.value.json()["outputs"][0]["duration_s"] >= 2
    expect(meter).to_be_hidden()
    expect(page.locator("audio")).to_be_visible()
    assert page.evaluate("document.querySelector('audio').duration") >= 2


def test_without_leave_to_record_the_panel_says_so(visit: Visit):
    page = visit.open(RECOGNIZER)
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator(".record")).to_contain_text("The browser does not let this page use the microphone.")
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_enabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_while_it_records(hearing: Browser, recognizer: Service, tmp_path: Path, scheme: str):
    context = hearing.new_context(color_scheme=scheme, reduced_motion="reduce", permissions=["microphone"])
    found = Visit(context, recognizer.url)
    page = found.open(RECOGNIZER)
    chosen(found, tmp_path, file_of(tone(3), "FLAC"))
    page.locator(".segment").first.wait_for()
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_role("button", name="Stop").wait_for()
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    assert found.faults == []
    context.close()


def test_a_text_is_refused_as_a_recording(visit: Visit, tmp_path: Path):
    page = visit.open(RECOGNIZER)
    path = tmp_path / "speech.txt"
    path.write_text("The ferry leaves at seven.")
    page.locator("input[type=file]").set_input_files(path)
    expect(page.locator(".failure")).to_contain_text("is not a file of sound that is read")
    visit.faults.clear()  # the browser tells of the refusal, too
