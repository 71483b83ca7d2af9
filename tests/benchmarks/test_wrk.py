"""The output of wrk, with our script."""

import pytest

from benchmarks.wrk import parse

PRINTED = """Running 4s test @ http://127.0.0.1:9300/text
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    97.70ms    5.12ms 130.19ms   92.10%
  652 requests in 4.00s, 144.55KB read
  Non-2xx or 3xx responses: 52
Requests/sec:    163.00
Transfer/sec:     36.14KB

RESULT {"requests": 652, "duration_us": 4000000, "bad_status": 52, "connect": 1, "read": 2, "write": 0, """ + (
    '"timeout": 3, "p50_us": 96500, "p90_us": 100000, "p99_us": 103500, "max_us": 130190}\n'
)


def test_answers_of_other_status_are_errors_and_no_throughput() -> None:
    assert parse(PRINTED) == {
        "throughput": 150.0,
        "p50_ms": 96.5,
        "p90_ms": 100.0,
        "p99_ms": 103.5,
        "max_ms": 130.19,
        "answers": 600,
        "errors": 58,
    }


def test_a_run_without_result_is_not_taken_for_zero() -> None:
    with pytest.raises(ValueError, match="unable to connect"):
        parse("unable to connect to 127.0.0.1:9300 Connection refused\n")
