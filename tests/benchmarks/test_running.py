"""Some answers are taken for right ones, and others are not."""

import pytest

from benchmarks.running import ServerFailed, check_answer


def test_an_answer_must_be_that_of_the_graph() -> None:
    check_answer(b'{"outputs": [[{"label": "a", "score": 0.7}, {"label": "b", "score": 0.3}]]}', 0.71)
    check_answer(b'[{"label": "0", "score": 0.3}, {"label": "1", "score": 0.7}]', 0.7)
    check_answer(b'[[{"label": "0", "score": 0.7}]]', 0.7)
    with pytest.raises(ServerFailed, match=r"0\.700, the graph's is 0\.400"):
        check_answer(b'[{"label": "0", "score": 0.7}]', 0.4)
    for body in (b"", b"[]", b"{}", b'{"outputs": []}', b'[{"label": "a"}]', b'["score"]', b'"error"'):
        with pytest.raises(ServerFailed, match="answers no labels"):
            check_answer(body, 0.5)
