"""Figures of translation beside others: what counts as a token, and ratios within a round."""

import pytest

from benchmarks.translation.figures import Took, ratios, spread, table


def took(tokens: int, wall_s: float = 2.0, cpu_s: float = 4.0, latencies: tuple[float, ...] = (1.0,)) -> Took:
    return Took(tokens, wall_s, cpu_s, latencies, wrong=0)


def test_tokens_count_by_the_clock_and_by_cores():
    one = took(100)
    assert (one.tokens_s, one.tokens_cpu_s) == (50, 25)
    assert took(100, cpu_s=0.0).tokens_cpu_s == 0


def test_a_ratio_is_to_the_best_of_the_others_in_the_same_round():
    found = {"ours": [took(120), took(90)], "a": [took(100), took(10)], "b": [took(50), took(60)]}
    assert ratios(found, "ours", ["a", "b"], "tokens_s") == [1.2, 1.5]


def test_a_table_has_medians_with_their_range_and_what_was_wrong():
    rounds = [took(100, latencies=(0.1, 0.3)), took(200), took(300)._replace(wrong=2)]
    line = table({"ours": rounds}).splitlines()[-1]
    assert line.startswith("| ours | 100 (50-150) | 50 (25-75) | 1000 (300-1000) |")
    assert line.endswith("| 2 |")
    assert spread([0.5], 2) == "0.50 (0.50-0.50)"


@pytest.mark.parametrize("path", ["/translate", "/v1/models/marian-copy/predict"])
def test_both_kinds_of_servers_are_asked_alike(path):
    from benchmarks.translation.client import message

    head, _, body = message(path, ["Good morning."]).partition(b"\r\n\r\n")
    assert head.startswith(f"POST {path} HTTP/1.1\r\n".encode())
    assert f"Content-Length: {len(body)}".encode() in head
    assert body == b'{"inputs": ["Good morning."]}'
