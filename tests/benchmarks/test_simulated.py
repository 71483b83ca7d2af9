import pytest

from app.serving.curve import LatencyCurve
from benchmarks.simulated import Server, simulated

# A short row takes a second, a long one four; eight short ones together take two.
CURVE = LatencyCurve({(1, 1): 1.0, (8, 1): 2.0, (1, 4): 4.0, (8, 4): 32.0})
ARRIVALS = [(0.0, 4), (0.5, 4), (1.0, 1), (1.0, 1)]


def test_in_order_each_waits_for_all_before() -> None:
    assert Server(CURVE).in_order(ARRIVALS) == [4.0, 7.5, 8.0, 9.0]


def test_the_shortest_of_those_that_wait_goes_first() -> None:
    assert Server(CURVE).shortest_first(ARRIVALS) == [4.0, 4.0, 5.0, 9.5]


def test_in_batches_rows_of_one_length_share_their_time() -> None:
    latencies = Server(CURVE).batched([(0.0, 1), *[(0.5, 1)] * 4])
    assert latencies == pytest.approx([1.0, *[0.5 + CURVE.seconds(4, 1)] * 4])


def test_what_a_request_costs_besides_counts_for_each_row() -> None:
    latencies = Server(CURVE, overhead_s=0.1).batched([(0.0, 1), *[(0.5, 1)] * 4])
    assert latencies == pytest.approx([1.1, *[0.6 + CURVE.seconds(4, 1) + 4 * 0.1] * 4])


def test_no_order_serves_more_than_sorting_all() -> None:
    server, lengths = Server(CURVE), [1, 1, 1, 1, 4] * 8
    assert server.sorted_by_length(lengths) == pytest.approx(40 / (4 * 2.0 + 32.0))
    assert server.closed_loop(lengths, 64) <= server.sorted_by_length(lengths) * 1.01


def test_all_figures_are_printed() -> None:
    found = simulated(Server(CURVE), [1, 1, 4], rate=0.2)
    assert len(found) == 5
    assert all(value > 0 for value in found.values())
