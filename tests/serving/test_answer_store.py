from hypothesis import given
from hypothesis import strategies as st

from app.serving.answer_store import ENTRY_BYTES, AnswerKey, AnswerStore


def key(number: int, owner: int = 0) -> AnswerKey:
    return AnswerKey(owner, bytes([number]))


def test_what_was_put_is_given_again():
    store = AnswerStore(10_000)
    store.put(key(1), b"one", 0.1)
    assert (store.get(key(1)), store.get(key(2))) == (b"one", None)
    assert store.num_bytes == ENTRY_BYTES + 3


def test_of_answers_of_one_size_the_dearest_and_the_last_asked_for_stay():
    store = AnswerStore(3 * (ENTRY_BYTES + 1))
    for number, cost_s in ((1, 1.0), (2, 0.001), (3, 0.002)):
        store.put(key(number), b"x", cost_s)
    store.get(key(2))
    store.put(key(4), b"x", 0.002)  # 2 goes: having been asked for adds nothing before anything had to go
    assert [number for number in range(1, 5) if store.get(key(number))] == [1, 3, 4]
    store.put(key(5), b"x", 0.001)  # by now what was asked for is worth more than what was not
    assert store.num_evicted == 2


def test_what_was_dear_goes_at_last_if_nobody_asks_for_it():
    store = AnswerStore(3 * (ENTRY_BYTES + 1))
    store.put(key(0), b"x", 0.01)
    for number in range(1, 40):
        store.put(key(number), b"x", 0.001)
    assert store.get(key(0)) is None


def test_an_answer_larger_than_all_is_not_kept_and_drives_out_nothing():
    store = AnswerStore(1_000)
    store.put(key(1), b"small", 0.1)
    store.put(key(2), bytes(1_000), 9.0)
    assert (store.get(key(1)), store.get(key(2))) == (b"small", None)


def test_a_version_that_goes_takes_its_answers_along():
    store = AnswerStore(100_000)
    for owner in (1, 2):
        store.put(key(1, owner), b"one", 0.1)
    store.forget(1)
    assert (store.get(key(1, 1)), store.get(key(1, 2))) == (None, b"one")
    assert (len(store), store.num_bytes) == (1, ENTRY_BYTES + 3)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2000), st.floats(0, 10), st.booleans()), max_size=200),
    st.integers(0, 5_000),
)
def test_it_never_holds_more_than_it_may_and_counts_right(asked, most_bytes):
    store = AnswerStore(most_bytes)
    truth: dict[AnswerKey, bytes] = {}
    for number, size, cost_s, gets in asked:
        one, content = key(number), bytes([number]) * size
        if gets:
            assert store.get(one) in (None, truth.get(one))
        else:
            store.put(one, content, cost_s)
            truth.setdefault(one, content)
            if store.get(one) is not None:
                truth[one] = store.get(one) or b""
        assert store.num_bytes <= most_bytes
        held = [found for each in truth if (found := store.get(each)) is not None]
        assert store.num_bytes == sum(map(len, held)) + ENTRY_BYTES * len(held)
    store.forget(0)
    assert (len(store), store.num_bytes) == (0, 0)
