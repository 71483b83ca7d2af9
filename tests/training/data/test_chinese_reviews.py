import pandas as pd
import pytest

from training.data.chinese_reviews import (
    KINDS,
    LABELS,
    Paragraph,
    borders,
    fingerprint,
    joined,
    key_of,
    load_chinese_reviews,
    near_duplicates,
    number_of,
    split_of,
)
from training.errors import TrainingError


@pytest.fixture(scope="module")
def reviews() -> pd.DataFrame:
    try:
        return load_chinese_reviews()
    except TrainingError as error:
        pytest.skip(str(error))


def test_there_are_15502_reviews_in_three_splits(reviews: pd.DataFrame) -> None:
    assert reviews.split.value_counts().to_dict() == {"train": 11_554, "test": 2_371, "validation": 1_577}


def test_every_kind_has_both_labels_in_every_split(reviews: pd.DataFrame) -> None:
    counts = reviews.groupby(["kind", "label", "split"]).size()
    assert len(counts) == len(KINDS) * len(LABELS) * 3
    assert counts.min() > 150


def test_no_near_duplicate_is_left_in_any_split(reviews: pd.DataFrame) -> None:
    assert reviews.text.map(fingerprint).is_unique
    numbers = pd.Series(near_duplicates(reviews.text.map(fingerprint).tolist()))
    # Where a chain of copies was dropped down to its longest, two chains may still touch; none of them across splits.
    assert numbers.groupby(numbers).size().max() == 1


def test_answers_of_hotels_are_no_reviews(reviews: pd.DataFrame) -> None:
    assert not reviews.text.str.contains("宾馆反馈|免费注册 网站导航").any()


def test_every_review_of_a_book_is_whole_and_a_fifth_of_those_of_hotels_is_known_to_be(reviews: pd.DataFrame) -> None:
    shares = reviews.groupby("kind").is_whole.mean()
    assert shares["book"] == 1
    assert 0.2 < shares["hotel"] < 0.3


LONG = "这家酒店的早餐品种很多味道也不错下次还会再来住的"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(LONG, LONG, True, id="the same"),
        pytest.param(LONG, LONG[:18], True, id="cut off"),
        pytest.param(LONG, LONG.replace("不错", "很好"), True, id="a word changed"),
        pytest.param(LONG, LONG[:8] + "很少味道也很差下次再也不会来住了", False, id="begins alike"),
        pytest.param("很好", "不好", False, id="short"),
        pytest.param("好", "坏", False, id="one character"),
    ],
)
def test_near_duplicates_are_texts_that_share_most_of_what_the_shorter_has(
    one: str, other: str, expected: bool
) -> None:
    first, second = near_duplicates([one, other])
    assert bool(first == second) is expected


def test_a_copy_of_a_copy_is_of_the_same_group() -> None:
    first, second, third = near_duplicates([LONG[:16], LONG, LONG[8:]])
    assert first == second == third


def test_a_fingerprint_knows_neither_width_nor_case_nor_punctuation() -> None:
    assert fingerprint("ＨＰ 笔记本，很好！！") == fingerprint("hp笔记本很好") == "hp笔记本很好"


@pytest.mark.parametrize(
    ("text", "number"), [("2、房间很小", 2), ("（三）早餐", 3), ("12.散热", 12), ("2008年入住", 0), ("很好", 0)]
)
def test_the_number_of_an_item_is_read(text: str, number: int) -> None:
    assert number_of(text) == number


def lines(*texts: str, block: int = 0) -> list[Paragraph]:
    return [Paragraph(block, "hotel", 0, text) for text in texts]


def texts_of(paragraphs: list[Paragraph]) -> list[str]:
    return [review.text for review in joined(paragraphs)]


def test_a_list_is_one_review_and_what_follows_it_another() -> None:
    found = texts_of(lines("说几点:", "1、房间小", "2、早餐差", "3、隔音不好", "不错的酒店", "3、又一个"))
    assert found == ["说几点: 1、房间小 2、早餐差 3、隔音不好", "不错的酒店", "3、又一个"]


def test_a_supplement_goes_to_its_review_and_the_answer_of_a_hotel_is_left_out() -> None:
    found = texts_of(
        lines("早餐很差", "补充点评 2008年8月11日 ： 卫生间也小", "宾馆反馈 2008年8月15日 ： 抱歉", "很好")
    )
    assert found == ["早餐很差 卫生间也小", "很好"]


def test_advantages_and_disadvantages_are_of_one_review() -> None:
    assert texts_of(lines("优点：便宜", "缺点：太小")) == ["优点：便宜 缺点：太小"]


def test_nothing_goes_on_from_one_label_or_corpus_to_the_next() -> None:
    assert texts_of([*lines("1、小"), *lines("2、差", block=1)]) == ["1、小", "2、差"]


def test_what_two_corpora_let_follow_differently_is_a_border() -> None:
    one, other = lines("甲", "乙", "丙", "丁"), lines("甲", "戊", "丙", "丁", block=1)
    begins, ends = borders([*one, *other])
    begin, middle, third, last = map(key_of, one)
    assert begin in begins
    assert begin in ends
    assert middle in begins
    assert middle in ends
    assert third in begins
    assert third not in ends
    assert last not in begins
    assert last in ends


def test_a_review_between_two_borders_is_whole() -> None:
    one, other = lines("甲", "乙", "丙", "丁"), lines("甲", "戊", "丙", "丁", block=1)
    found = {review.text: review.is_whole for review in joined([*one, *other])}
    assert found == {"甲": True, "乙": True, "戊": True, "丙": False, "丁": False}


def test_splits_are_the_same_on_every_machine() -> None:
    assert [split_of(f"review {i}") for i in (0, 1, 3)] == ["test", "train", "validation"]
