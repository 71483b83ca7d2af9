"""Every panel of the playground, used in a real browser for what it is there for."""

import base64
import json
import re
import shutil
import subprocess

import httpx
import pytest
from browser import (
    ARTICLES,
    FILMS,
    IMAGENET,
    REVIEWS,
    Visit,
    browser,
    needs_browser,
    visit,
)
from playwright.sync_api import expect
from services import MODELS
from shown import DESCRIPTION, HOSTILE, MARKUP, PIPELINE, TRIPLER

pytestmark = needs_browser

__all__ = ["browser", "visit"]

SAMPLES = MODELS.parent / "app" / "api" / "pages" / "samples"

PUT = """([area, kind, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], "it's mine.jpg", { type: "image/jpeg" }));
  const options = { bubbles: true, cancelable: true };
  area.dispatchEvent(kind === "drop" ? new DragEvent("drop", { ...options, dataTransfer: transfer })
    : new ClipboardEvent("paste", { ...options, clipboardData: transfer }));
}"""


def test_a_sample_photo_is_named_at_once_and_another_when_it_is_chosen(visit: Visit):
    page = visit.open(IMAGENET)
    expect(page.locator(".bars li").first).to_contain_text("cat")
    page.get_by_role("button", name="Sample: a cup of espresso").click()
    expect(page.locator(".bars li").first).to_contain_text("espresso")
    expect(page.get_by_role("status").last).to_contain_text("espresso")
    assert page.locator(".drop img").evaluate("(image) => image.naturalWidth") > 100


def test_a_pipeline_that_begins_with_a_photo_takes_one_and_tells_the_time_of_each_step(visit: Visit):
    page = visit.open(PIPELINE)
    expect(page.locator(".shown h4")).to_have_text("scores")
    before = page.locator(".shown").inner_text()
    page.get_by_role("button", name="Sample: a cup of espresso").click()
    expect(page.locator(".shown")).not_to_have_text(before)
    expect(page.locator(".latency")).to_contain_text("By step: sees")
    whole, inside = (float(one) for one in re.findall(r"([0-9.]+) ms", page.locator(".latency p").first.inner_text()))
    assert inside <= whole


def test_a_cascade_is_asked_as_its_task_is_and_tells_which_step_answered(visit: Visit):
    page = visit.open("mood")
    text = page.get_by_role("textbox").first
    text.fill("good good good")
    expect(page.locator(".latency")).to_contain_text("answered by small")
    expect(page.locator(".bars li").first).to_contain_text("positive")
    text.fill("good film")
    expect(page.locator(".latency")).to_contain_text("answered by large")
    expect(page.locator(".bars li").first).to_contain_text("negative")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_photo_may_be(visit: Visit, kind: str):
    page = visit.open(IMAGENET)
    photo = base64.b64encode((SAMPLES / "coffee.jpg").read_bytes()).decode()
    page.locator(".drop").evaluate(f"(area, [kind, photo]) => ({PUT})([area, kind, photo])", [kind, photo])
    expect(page.locator(".bars li").first).to_contain_text("espresso")
    expect(page.locator(".curl")).to_contain_text("--data-binary '@it'\\''s mine.jpg'")


def test_a_file_may_be_chosen_and_one_that_is_no_photo_is_refused_in_the_words_of_the_service(visit: Visit, tmp_path):
    page = visit.open(IMAGENET)
    page.set_input_files("input[type=file]", SAMPLES / "coffee.jpg")
    expect(page.locator(".bars li").first).to_contain_text("espresso")
    (tmp_path / "no.jpg").write_bytes(b"no photo at all")
    page.set_input_files("input[type=file]", tmp_path / "no.jpg")
    failure = page.locator(".failure")
    reply = httpx.post(f"{visit.url}/v1/models/{IMAGENET}/predict", content=b"no photo at all", headers={"Content-Type": "image/jpeg"})  # fmt: skip  # noqa: E501
    expect(failure).to_contain_text(reply.json()["error"])
    expect(failure).to_contain_text("422 · InvalidInput")
    visit.expect_refusals()


def test_bars_follow_the_typing(visit: Visit):
    page = visit.open(REVIEWS)
    page.get_by_label("Text to classify").fill("I love it, it is wonderful.")
    expect(page.locator(".bars li").first).to_contain_text("positive")
    page.get_by_label("Text to classify").fill("Terrible. It broke at once, and I want my money back.")
    expect(page.locator(".bars li").first).to_contain_text("negative")
    page.get_by_label("Text to classify").fill("  ")
    expect(page.get_by_text("Nothing has been asked yet")).to_be_visible()
    page.get_by_role("button", name="delighted").click()
    expect(page.locator(".bars li").first).to_contain_text("positive")


def test_options_are_sent_and_their_defaults_are_not(visit: Visit):
    page = visit.open(REVIEWS)
    assert "parameters" not in page.locator(".curl").inner_text()
    page.get_by_text("Options").click()
    page.get_by_label("top k").fill("1")
    page.get_by_label("top k").press("Tab")
    expect(page.locator(".bars li")).to_have_count(1)
    expect(page.locator(".curl")).to_contain_text('"parameters":{"top_k":1}')


def test_logits_are_shown_as_numbers_and_not_as_percent(visit: Visit):
    page = visit.open(REVIEWS)
    expect(page.locator(".bars .value").first).to_contain_text("%")
    page.get_by_text("Options").click()
    page.get_by_label("function to apply").select_option("none")
    expect(page.locator(".bars .value").first).not_to_contain_text("%")
    assert not any("%" in value for value in page.locator(".bars .value").all_inner_texts())
    assert {
        bar.evaluate("(one) => one.style.getPropertyValue('--share')") for bar in page.locator(".bars .bar").all()
    } == {"0"}


def test_marks_are_the_chosen_sentences_also_behind_characters_of_two_utf_16_units(visit: Visit):
    page = visit.open(ARTICLES)
    text = (
        "🌊🌊 The harbour pool opens again in June 🏊. It was closed four years ago after a storm 🌪 broke its wall. "
        "The council agreed on Monday to pay for new pumps 𝒶𝓃𝒹 a heated changing room. "
        "Swimmers had collected nine thousand signatures to save the pool."
    )
    page.get_by_label("Article to summarise").fill(text)
    reply = httpx.post(f"{visit.url}/v1/models/{ARTICLES}/predict", json={"inputs": [text]}).json()
    sentences = [text[one["start"] : one["end"]] for one in reply["outputs"][0]["sentences"]]
    expect(page.locator("mark")).to_have_text(sentences)
    expect(page.locator(".article")).to_have_text(text)
    expect(page.locator(".summary").first).to_have_text(reply["outputs"][0]["summary_text"])


def test_recommendations_follow_every_pick_by_keyboard_alone(visit: Visit):
    page = visit.open(FILMS)
    page.get_by_role("button", name="Start anew").click()
    expect(page.locator(".chips li")).to_have_count(0)
    popular = page.locator(".recommended strong").all_inner_texts()
    search = page.get_by_role("combobox", name="Find a title")
    search.focus()
    search.press_sequentially("toy sto")
    expect(page.get_by_role("option").first).to_contain_text("Toy Story (1995)")
    search.press("ArrowDown")
    active = page.locator("[role=option][aria-selected=true]")
    expect(active).to_contain_text("Toy Story (1995)")
    expect(search).to_have_attribute("aria-activedescendant", active.get_attribute("id") or "")
    search.press("Enter")
    expect(page.locator(".chips li")).to_have_text(["Toy Story (1995)×"])
    expect(page.locator(".recommended strong", has_text="Toy Story")).to_have_count(0)
    expect(page.locator(".curl")).to_contain_text('"history":[1]')
    assert page.locator(".recommended strong").all_inner_texts() != popular
    page.locator(".recommended").get_by_role("button").first.press("Enter")
    expect(page.locator(".chips li")).to_have_count(2)
    page.get_by_role("button", name="Remove Toy Story (1995)").press("Enter")
    expect(page.locator(".chips li")).to_have_count(1)
    expect(page.locator(".chips button").first).to_be_focused()


def test_a_model_of_any_other_kind_has_a_form_with_its_example_and_its_numbers_drawn(visit: Visit):
    page = visit.open(TRIPLER)
    expect(page.get_by_role("img", name="12 values, from 0 to 33")).to_be_visible()
    field = page.get_by_role("textbox", name="input")
    field.fill(json.dumps({"x": [1.5] * 12}))
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("img", name="12 values, from 4.50 to 4.50")).to_be_visible()
    field.fill('{"x": [1, 2]}')
    field.press("Control+Enter")
    expect(page.locator(".failure li code")).to_have_text("inputs.0.x")
    expect(page.locator(".failure li")).to_contain_text("must have shape [12]; it has [2]")
    field.fill("{")
    field.press("Control+Enter")
    expect(page.locator(".failure")).to_contain_text("input is not valid JSON")
    visit.expect_refusals()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_copied_curl_line_gets_the_same_answer_from_a_shell(visit: Visit):
    page = visit.open(REVIEWS)
    text = "It's \"good\" $HOME `date` \\ !! %s\n\t'quoted' 😀"
    page.get_by_label("Text to classify").fill(text)
    page.get_by_role("button", name="Classify").click()
    expect(page.locator(".curl")).to_contain_text("%s")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    line = page.evaluate("navigator.clipboard.readText()")
    answer = json.loads(subprocess.run(["bash", "-c", line], capture_output=True, check=True, timeout=30).stdout)
    assert answer == httpx.post(f"{visit.url}/v1/models/{REVIEWS}/predict", json={"inputs": [text]}).json()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_line_of_a_sample_photo_works_as_it_stands(visit: Visit):
    line = visit.open(IMAGENET).locator(".curl").inner_text()
    answer = json.loads(subprocess.run(["bash", "-c", line], capture_output=True, check=True, timeout=30).stdout)
    assert "cat" in answer["outputs"][0][0]["label"]


def test_the_time_is_shown_with_its_parts_and_they_add_up(visit: Visit):
    page = visit.open(REVIEWS)
    assert [one.strip() for one in page.locator(".time .legend li").all_inner_texts()][2].startswith("the model")
    parts = [float(part) for part in page.locator(".time .legend b").all_inner_texts()]
    total = float(page.locator(".time strong").inner_text().removesuffix(" ms"))
    assert sum(parts) == pytest.approx(total, abs=0.5)  # each is rounded to a tenth


def test_the_card_shows_figures_beside_baselines_limits_and_origin(visit: Visit):
    page = visit.open(REVIEWS)
    card = httpx.get(f"{visit.url}/v1/models/{REVIEWS}").json()
    shown = page.locator("section.card")
    expect(shown.locator("thead").first).to_contain_text("VADER")
    expect(shown).to_contain_text(f"{card['metrics'][0]['value']:.3f}")
    for text in (*card["limits"], card["licence"], card["provenance"]["command"]):
        expect(shown).to_contain_text(text)


def test_what_a_model_says_is_shown_and_never_run(visit: Visit):
    page = visit.open(HOSTILE)
    page.get_by_label("Text to classify").fill("good <img src=x onerror=alert(1)>")
    expect(page.locator(".bars li").first).to_contain_text(MARKUP)
    expect(page.locator(".about")).to_have_text(DESCRIPTION)
    expect(page.locator(".limits li")).to_have_text(MARKUP)
    assert page.title() == f"{HOSTILE} · Tessera playground"
    assert page.locator("img[src=x]").count() == 0


def test_the_words_that_made_a_text_so_are_coloured_by_the_model_s_own_reasons(visit: Visit):
    page = visit.open(REVIEWS)
    text = "😀 The food was excellent, but the service was terrible."
    page.get_by_label("Text to classify").fill(text)
    expect(page.locator(".weighed")).to_have_text(text)
    reply = httpx.post(f"{visit.url}/v1/models/{REVIEWS}/explain", json={"inputs": [text]}).json()["outputs"][0]
    assert all(text[word["start"] : word["end"]] == word["text"] for word in reply["words"])
    most = max(reply["words"], key=lambda word: abs(word["weight"]))
    expect(page.locator(".telling li").first).to_contain_text(most["text"])
    kind = ".for" if most["weight"] > 0 else ".against"
    expect(page.locator(f".weighed {kind}", has_text=most["text"])).to_be_visible()
    expect(page.get_by_role("heading", name=f"What made it {reply['label']}")).to_be_visible()


def test_where_a_photo_was_recognised_is_laid_over_it(visit: Visit):
    page = visit.open(IMAGENET)
    expect(page.locator(".bars li").first).to_contain_text("cat")
    page.get_by_role("button", name="Explain").click()
    overlay = page.locator(".looked img")
    expect(overlay).to_be_visible(timeout=60_000)
    assert overlay.evaluate("(image) => [image.naturalWidth, image.naturalHeight]") == [224, 224]
    expect(page.locator(".looked")).to_contain_text("What spoke for")


def test_recommended_films_say_which_picks_led_to_them(visit: Visit):
    page = visit.open(FILMS)
    expect(page.locator(".recommended .why").first).to_contain_text("because of ")
    picks = [chip.removesuffix("×") for chip in page.locator(".chips li").all_inner_texts()]
    first = page.locator(".recommended .why").first.inner_text().removeprefix("because of ")
    assert all(title in [pick.strip() for pick in picks] for title in first.split(" and "))


def test_each_sentence_of_a_summary_says_why_it_was_chosen(visit: Visit):
    page = visit.open(ARTICLES)
    reasons = page.locator(".because > li")
    expect(reasons.first).to_contain_text("stands for the text")
    expect(reasons).to_have_count(page.locator("mark").count())
    assert reasons.locator("q").first.inner_text().strip() in page.locator(".article").inner_text()
    reasons.first.locator("summary").click()
    expect(reasons.first.locator("details li").first).to_be_visible()
