"""The page around the panels: models that load, keys, explanations, a service that is gone, the documentation."""

from typing import Any

import httpx
import pytest
from browser import FILMS, IMAGENET, REVIEWS, Visit, browser, needs_browser, visit
from playwright.sync_api import Browser, Route, expect
from services import MODELS, Service
from shown import DESCRIPTION, HOSTILE
from waiting import eventually

from app.repository.repository import ModelRepository

pytestmark = needs_browser

__all__ = ["browser", "visit"]

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="


def explain(visit: Visit, output: Any, status: int = 200) -> None:
    """Let the service explain, or refuse to, whatever it can itself."""

    def describe(route: Route) -> None:
        document = route.fetch().json()
        document["paths"]["/v1/models/{model}/explain"] = {}
        route.fulfill(json=document)

    body = {"model": "any", "version": 1, "outputs": [output]} if status == 200 else {"error": "no such route"}
    visit.page.route("**/openapi.json", describe)
    visit.page.route("**/explain*", lambda route: route.fulfill(json=body, status=status))


def test_the_words_that_made_it_so_are_coloured_where_they_stand(visit: Visit):
    words = [
        {"text": "good", "start": 2, "end": 6, "weight": 0.5},
        {"text": "bad", "start": 11, "end": 14, "weight": -0.25},
    ]
    explain(visit, {"label": "positive", "score": 0.9, "words": words})
    page = visit.open(REVIEWS)
    page.get_by_label("Text to classify").fill("😀 good but bad <b>")
    expect(page.locator(".weighed .for")).to_have_text("good")
    expect(page.locator(".weighed .against")).to_have_text("bad")
    expect(page.locator(".weighed")).to_have_text("😀 good but bad <b>")
    expect(page.locator(".telling li")).to_have_text(["good+0.50", "bad−0.25"])
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".weighed")).to_have_count(0)


def test_where_the_model_looked_is_shown_when_it_is_asked_for(visit: Visit):
    explain(visit, {"label": "cat", "score": 0.5, "heatmap": {"shape": [1, 1], "values": [[1.0]]}, "overlay": PIXEL})
    page = visit.open(IMAGENET)
    expect(page.locator(".looked")).to_be_hidden()
    page.get_by_role("button", name="Explain").click()
    overlay = page.get_by_role("img", name="Where the model saw cat")
    expect(overlay).to_be_visible()
    assert overlay.evaluate("(image) => image.naturalWidth") == 1


def test_recommendations_name_the_picks_that_led_to_them(visit: Visit):
    because = [
        {"item": 50, "title": "Star Wars (1977)", "weight": 0.4},
        {"item": 183, "title": "Alien", "weight": -0.1},
    ]
    explain(visit, {"items": [{"item": 181, "title": "Return of the Jedi (1983)", "because": because}]})
    page = visit.open(FILMS)
    expect(page.locator(".recommended .why")).to_have_text(["because of Star Wars (1977)"])


def test_an_explanation_that_the_service_does_not_have_is_offered_no_more(visit: Visit):
    explain(visit, None, status=404)
    page = visit.open(REVIEWS)
    expect(page.get_by_role("button", name="Explain")).to_be_hidden()
    expect(page.locator(".bars li")).to_have_count(3)
    visit.expect_refusals()


def test_what_is_being_made_is_told_below_the_models(visit: Visit):
    told: list[dict[str, str]] = [
        {"model": "article-summarizer", "state": "making", "detail": "fetching <b>weights</b>"},
        {"model": "movielens-recommender", "state": "waiting", "detail": ""},
        {"model": "smollm2-instruct", "state": "failed", "detail": "the disk is full"},
        {"model": "fashion-vae", "state": "waiting", "detail": ""},
    ]
    visit.page.route("**/v1/models", lambda route: route.fulfill(json=route.fetch().json() | {"being_made": told}))
    page = visit.open(REVIEWS)
    place = page.get_by_role("region", name="Being made on this machine")
    expect(place.get_by_role("listitem")).to_have_text(
        [
            "article-summarizer is being madefetching <b>weights</b>",
            "movielens-recommender, fashion-vae wait",
            "smollm2-instruct could not be madethe disk is full",
        ]
    )
    told.clear()
    expect(place).to_be_hidden()


def test_a_key_is_asked_for_kept_in_the_tab_and_sent_from_then_on(visit: Visit):
    def guard(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer s3cret":
            route.continue_()
        else:
            body = {"error": "a valid key is needed", "error_type": "Unauthorized", "request_id": "1"}
            route.fulfill(json=body, status=401)

    page = visit.page
    page.route("**/v1/**", guard)
    page.goto(f"{visit.url}/#/{REVIEWS}")
    dialog = page.get_by_role("dialog", name="This service asks for a key")
    expect(dialog).to_contain_text("a valid key is needed")
    page.get_by_label("API key").fill("wrong")
    page.get_by_label("API key").press("Enter")
    expect(dialog).to_be_visible()  # again
    page.get_by_label("API key").fill("s3cret")
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator(".bars li").first).to_be_visible()
    expect(page.locator(".curl")).to_contain_text('-H "Authorization: Bearer $TESSERA_KEY"')
    assert "s3cret" not in page.content()
    assert page.evaluate("[Object.values(sessionStorage), localStorage.length, document.cookie]") == [["s3cret"], 0, ""]
    page.reload()
    expect(page.locator(".bars li").first).to_be_visible()
    visit.expect_refusals()


def test_models_that_load_are_shown_as_loading_and_open_by_themselves(browser: Browser):
    service = Service(MODELS)
    try:
        eventually(lambda: _answers(service))
        context = browser.new_context()
        visit = Visit(context, service.url)
        visit.page.goto(f"{service.url}/#/{REVIEWS}")  # the last to be loaded
        expect(visit.page.locator(".models .state.loading").first).to_be_visible()
        expect(visit.page.locator(".bars li").first).to_be_visible(timeout=60_000)
        num_models = len(ModelRepository(MODELS).names())
        expect(visit.page.locator(".models .state.ready")).to_have_count(num_models, timeout=60_000)
        assert visit.faults == []
        service.close()
        visit.page.get_by_role("button", name="Classify").click()
        expect(visit.page.locator(".answer .failure")).to_contain_text("cannot be reached")
        context.close()
    finally:
        service.close()


def test_the_pages_of_documentation_need_no_other_server(visit: Visit):
    page = visit.page
    page.goto(f"{visit.url}/docs")
    page.locator(".opblock-summary", has_text=f"/v1/models/{REVIEWS}/predict").wait_for()
    assert visit.faults == []
    # ReDoc would fetch a logo; our policy does not let it, and the browser says so.
    with page.expect_console_message(lambda message: "redoc/logo" in message.text) as refused:
        page.goto(f"{visit.url}/redoc")
    assert "violates the following Content Security Policy" in refused.value.text
    page.get_by_role("heading", name=f"{REVIEWS}: text-classification").first.wait_for()
    page.wait_for_load_state("networkidle")
    # Of parameters that are a list or one value it says that its sample may be wrong.
    harmless = ("redoc/logo", "OpenAPI Sampler")
    visit.faults = [fault for fault in visit.faults if not any(each in fault for each in harmless)]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_a_description_is_text_on_the_pages_of_documentation(visit: Visit, path: str):
    page = visit.page
    page.goto(f"{visit.url}{path}")
    if path == "/docs":
        page.locator(".opblock-summary", has_text=f"/v1/models/{HOSTILE}/predict").click()
    page.locator("code", has_text="http://elsewhere.test/bare").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert page.url.partition("#")[0] == f"{visit.url}{path}"
    assert page.title() in ("Tessera - ReDoc", "Tessera - Swagger UI")
    shown = page.locator("code", has_text="http://elsewhere.test/bare").first
    assert shown.inner_text().split() == DESCRIPTION.split()
    assert shown.locator("*").count() == 0
    assert page.locator("[href*='elsewhere.test'], [src*='elsewhere.test'], form[action='/x']").count() == 0
    assert page.locator("h1", has_text="A heading").count() == 0
    visit.faults = [fault for fault in visit.faults if "redoc/logo" not in fault and "OpenAPI Sampler" not in fault]


def _answers(service: Service) -> bool:
    try:
        return httpx.get(f"{service.url}/health/live").status_code == 200
    except httpx.TransportError:
        return False


def test_how_far_what_is_asked_has_drifted_stands_on_the_card(visit: Visit):
    def describe(route: Route) -> None:
        facts = route.fetch().json()
        one = {"measure": "<b>tokens", "psi": 0.3125, "ks": 0.25, "answers": 1500, "state": "shifted"}
        few = {"measure": "label", "psi": None, "ks": None, "answers": 3, "state": "too few answers"}
        facts["drift"] = {**facts["drift"], "dataset": "texts", "split": "test", "measures": [one, few]}
        route.fulfill(json=facts)

    visit.page.route(f"**/v1/models/{REVIEWS}", describe)
    page = visit.open(REVIEWS)
    page.get_by_text("Drift since training").click()
    rows = page.get_by_role("region", name="Drift").get_by_role("row")
    expect(rows.nth(1)).to_have_text("<b>tokens0.3130.2501,500shifted")
    expect(rows.nth(2)).to_have_text("label––3too few answers")
