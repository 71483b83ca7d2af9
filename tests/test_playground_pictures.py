"""The panels that draw over a photo, used in a real browser: boxes, colours, and legends that point."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import Visit, browser, needs_browser, visiting
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from services import Service, running
from whole_pictures import DETECTOR, SEGMENTER, publish_detector, publish_segmenter

pytestmark = needs_browser

__all__ = ["browser"]

MANY, MOST = "many-things", 100  # by the model's configuration
PLACES = "(boxes) => boxes.map((one) => [one.offsetLeft, one.offsetTop, one.offsetWidth, one.offsetHeight])"
INK = """(canvas) => {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((_, i) => i % 4 === 3).reduce((sum, one) => sum + (one > 100), 0) / (canvas.width * canvas.height);
}"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_detector(root, scratch)
    publish_segmenter(root, scratch)
    boxes = [(i / 10, j / 7, 0.1, 0.1) for i in range(10) for j in range(7)]
    publish_detector(root, scratch, MANY, boxes, [(3.0, -9.0, 2.0)] * len(boxes))
    with running(root) as service:
        yield service


@pytest.fixture
def visit(browser: Browser, service: Service) -> Iterator[Visit]:
    with visiting(browser, service.url) as found:
        yield found


def choose(page: Page, size: tuple[int, int], colour: str) -> None:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    page.set_input_files("input[type=file]", {"name": "own.png", "mimeType": "image/png", "buffer": file.getvalue()})
    expect(page.locator(".curl")).to_contain_text("own.png")


def test_each_thing_has_a_box_where_it_is_and_a_line_in_the_legend(visit: Visit) -> None:
    page = visit.open(DETECTOR)
    choose(page, (400, 200), "black")
    boxes = page.locator(".box")
    expect(boxes).to_have_count(4)
    assert sorted(boxes.all_inner_texts()) == ["cat", "cat", "cup", "rocket"]
    expect(page.locator(".parts li").first).to_contain_text("cat")
    expect(page.locator(".parts li").first).to_contain_text("98 %")
    width = page.locator(".plane").evaluate("(one) => one.clientWidth")
    first = boxes.evaluate_all(PLACES)[0]
    assert first == pytest.approx([width / 4, width / 16, width / 2, 3 * width / 8], abs=1.5)
    expect(page.get_by_role("status").last).to_contain_text("4 found, cat the surest")


def test_pointing_at_a_line_shows_its_box_alone(visit: Visit) -> None:
    page = visit.open(DETECTOR)
    page.locator(".parts button").nth(1).focus()
    expect(page.locator(".box.pointed")).to_have_text("rocket")
    expect(page.locator(".box:not(.pointed)").first).to_have_css("opacity", "0.12")


def test_where_nothing_is_found_the_page_says_so(visit: Visit) -> None:
    page = visit.open(DETECTOR)
    page.get_by_text("Options").click()
    page.get_by_label("threshold").fill("1")
    page.get_by_label("threshold").press("Tab")
    expect(page.get_by_text("Nothing was found that is surer")).to_be_visible()
    expect(page.locator(".box")).to_have_count(0)


def test_many_boxes_have_numbers_and_a_wide_photo_can_be_scrolled(visit: Visit) -> None:
    page = visit.open(MANY)
    choose(page, (3000, 400), "white")
    expect(page.locator(".box")).to_have_count(MOST)
    assert set(page.locator(".box").all_inner_texts()) == {str(number) for number in range(1, MOST + 1)}
    framed = page.locator(".framed")
    wide, seen = framed.evaluate("(one) => [one.scrollWidth, one.clientWidth]")
    assert wide > 2 * seen
    page.locator(".parts button").nth(60).focus()
    pointed = page.locator(".box.pointed")
    expect(pointed).to_have_count(1)
    expect(pointed).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_photo_lies_under_the_colours_of_its_classes(visit: Visit) -> None:
    page = visit.open(SEGMENTER)
    choose(page, (400, 200), "blue")
    expect(page.locator(".parts li")).to_have_text(["blue100 %"])
    canvas = page.locator(".plane canvas")
    page.wait_for_function(f"() => ({INK})(document.querySelector('.plane canvas')) > 0.99")
    expect(page.get_by_role("status").last).to_contain_text("One class, blue with 100 %")
    page.get_by_role("button", name="Sample: a cup of espresso").click()
    expect(page.locator(".parts li").nth(1)).to_be_visible()
    page.wait_for_function(f"() => ({INK})(document.querySelector('.plane canvas')) > 0.99")
    page.locator(".parts button").nth(1).focus()
    assert canvas.evaluate(INK) < 0.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("model", [DETECTOR, SEGMENTER])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(
    browser: Browser, service: Service, model: str, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce", viewport={"width": 390, "height": 844})  # type: ignore[arg-type]
    visit = Visit(context, service.url)
    page = visit.open(model)
    page.locator("section.card").wait_for()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
    assert visit.faults == []
