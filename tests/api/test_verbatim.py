import pytest

from app.api.verbatim import verbatim


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(
            "a <b>bold</b> [link](http://elsewhere.test/)", "` a <b>bold</b> [link](http://elsewhere.test/) `"
        ),
        pytest.param("a `code` of its own", "`` a `code` of its own ``"),
        pytest.param("two ``runs`` and ```one``` more", "```` two ``runs`` and ```one``` more ````"),
        pytest.param("`", "`` ` ``"),
        pytest.param("# no heading\n\n- no list\n\n    and no code", "` # no heading - no list and no code `"),
        pytest.param(" \n", "", id="nothing"),
    ],
)
def test_a_text_is_code_on_one_line_that_no_run_of_backticks_in_it_ends(text: str, shown: str) -> None:
    assert verbatim(text) == shown
