import pytest
from growth import require_growth

from app.serving.names import no_such_model, no_such_version

FEW = ["reviews-sentiment", "movielens-recommender"]
MANY = [f"{kind}-{shop}" for kind in ("sentiment", "forecaster", "recommender", "photos") for shop in range(100)]


def test_of_few_models_all_are_named():
    error = no_such_model("nobody", FEW)
    assert str(error) == "no model 'nobody'; there are: movielens-recommender, reviews-sentiment"
    assert not error.has_more
    assert str(no_such_model("nobody", [])) == "no model 'nobody'; there are: none"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("sentimnt-42", "sentiment-42"), ("Photos-7", "photos-7"), ("recomender-99", "recommender-99")],
)
def test_of_many_models_the_nearest_are_named(name, meant):
    error = no_such_model(name, MANY)
    assert f"of 400 the nearest: {meant}" in str(error)
    assert str(error).count(",") <= 2
    assert error.has_more


def test_a_name_that_is_like_none_gets_their_number():
    error = no_such_model("%%%", MANY)
    assert str(error) == "no model '%%%' among 400"
    assert error.has_more


def test_a_name_of_any_length_among_ten_thousand_models_keeps_nobody_waiting():
    known = [f"model-of-shop-number-{i}" for i in range(10_000)]
    require_growth(lambda size: no_such_model("model-of-shop-number-77" * size, known), 3_000)
    require_growth(lambda size: no_such_model("model-of-shop-number-77" * 3_000, known[:size]), 10_000)
    assert len(str(no_such_model("model-of-shop-number-77" * 3_000, known))) < 300


def test_of_many_versions_the_newest_are_named():
    assert str(no_such_version("m", 9, [2, 1])) == "no version 9 of model m; there are: 1, 2"
    assert str(no_such_version("m", 9, [])) == "no version 9 of model m; there are: none"
    many = str(no_such_version("m", 9999, range(1, 900)))
    assert many == "no version 9999 of model m; the newest of 899: 895, 896, 897, 898, 899"
