"""The panel of a model that reads the columns of a table: what it tells, and what each column does to it."""

from collections.abc import Iterator

import pytest
from browser import Visit, browser, is_seen, needs_browser, visiting
from playwright.sync_api import Browser, expect
from services import running
from table_models import publish_tables

pytestmark = needs_browser

__all__ = ["browser"]

# From where to where a bar is painted, in shares of its row.
PAINTED = """(item) => {
  const bar = item.querySelector(".bar"), { left, width } = getComputedStyle(bar, "::after");
  return [parseFloat(left), parseFloat(left) + parseFloat(width)].map((at) => at / bar.clientWidth);
}"""


@pytest.fixture(scope="module")
def tables(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    root = tmp_path_factory.mktemp("models")
    publish_tables(root, tmp_path_factory.mktemp("scratch"))
    with running(root) as service, visiting(browser, service.url) as found:
        yield found


def test_a_label_is_told_as_somebody_types_and_each_column_is_weighed(tables: Visit) -> None:
    page = tables.open("leaving")
    page.get_by_label("months", exact=True).fill("30")
    page.get_by_label("charge", exact=True).fill("40")
    rows = page.locator(".weights > li")
    expect(page.locator(".bars > li").first).to_contain_text("stays")  # 1 - 3 + 2 = 0: nobody has to press anything
    expect(page.locator(".bars .value").first).to_have_text("50 %")
    expect(page.get_by_text("What made it stays")).to_be_visible()
    expect(rows).to_have_count(2)  # the contract is what it typically is
    expect(rows.first).to_have_text("months30, typically 10+2")
    expect(rows.last).to_have_text("charge40, typically 20−1")
    assert rows.first.evaluate(PAINTED) == pytest.approx([0.5, 1.0], abs=0.01)  # 20 months more are 2 for staying
    assert rows.last.evaluate(PAINTED) == pytest.approx([0.25, 0.5], abs=0.01)  # 20 more to pay are 1 against it
    assert all(is_seen(row.locator(".label")) for row in (rows.first, rows.last))


def test_a_typical_row_has_no_reasons_and_one_that_lacks_a_number_can_be_asked(tables: Visit) -> None:
    page = tables.open("leaving")
    for name, value in (("months", "10"), ("charge", "20")):
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_label("contract", exact=True).select_option("monthly")
    expect(page.get_by_text("No column by itself makes this answer another")).to_be_visible()
    page.get_by_label("months", exact=True).fill("")
    expect(page.locator(".weights > li")).to_have_text(["monthsmissing, typically 10+1"])


def test_a_number_is_told_with_what_lies_around_it(tables: Visit) -> None:
    page = tables.open("cost")
    page.get_by_label("months", exact=True).fill("10")
    page.get_by_label("contract", exact=True).select_option("yearly")
    page.get_by_label("charge", exact=True).fill("20")
    expect(page.locator(".answer .plain")).to_have_text("-2")
    expect(page.get_by_text("-4 to 0, where 90 of 100 like it lay")).to_be_visible()
    expect(page.locator(".weights > li")).to_have_text(["contractyearly, typically monthly−3"])
    expect(page.get_by_text("A typical row has 1.")).to_be_visible()


def test_a_fee_beyond_what_numbers_may_be_is_refused_beside_the_field(tables: Visit) -> None:
    page = tables.open("cost")
    page.get_by_label("charge", exact=True).fill("1e31")
    expect(page.locator(".trouble")).to_contain_text("charge")
    expect(page.locator(".weights")).to_be_hidden()
    tables.expect_refusals()
