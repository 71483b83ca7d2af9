"""Counts of several processes, told as those of one."""

import pickle

from prometheus_client.parser import text_string_to_metric_families

from app.telemetry import OPEN_METRICS, Statistics, Telemetry, sum_of
from app.telemetry.elsewhere import sendable


def replica(rows: int) -> Telemetry:
    telemetry = Telemetry()
    telemetry.observer("words", 1).batch(rows, 8, 1.0, 0.01, [0.001] * rows)
    return telemetry


def test_metrics_of_replicas_stand_beside_our_own_each_family_once():
    front = Telemetry()
    front.request("POST", "/v1", 200, 0.01, "words", "id")
    sent = {name: pickle.loads(pickle.dumps(sendable(replica(rows).registry))) for name, rows in (("a", 2), ("b", 5))}
    front.tell_of(lambda: sent)
    families = {one.name: one for one in text_string_to_metric_families(front.render().decode())}
    assert front.render(OPEN_METRICS).count(b"# TYPE tessera_batch_rows ") == 1
    rows = {
        one.labels["replica"]: one.value for one in families["tessera_batch_rows"].samples if one.name.endswith("_sum")
    }
    assert rows == {"a": 2, "b": 5}
    requests = [one for one in families["tessera_requests"].samples if one.name == "tessera_requests_total"]
    assert [one.labels for one in requests] == [{"method": "POST", "route": "/v1", "status": "200"}]


def test_what_only_a_front_has_is_not_sent():
    names = {one.name for one in sendable(replica(1).registry)}
    assert "tessera_batch_rows" in names
    assert not names & {"tessera_build", "tessera_log_lines_dropped", "tessera_requests_in_flight"}


def test_statistics_add_up():
    one, other = Statistics(rows=3, last_batch_at=5.0), Statistics(rows=4, last_batch_at=2.0)
    one.succeeded.add(1.0)
    other.succeeded.add(2.0)
    for part, seconds in ((one, 0.5), (other, 0.25)):
        part.batches.setdefault(2, type(one.succeeded)()).add(seconds)
    whole = sum_of([one, other])
    assert (whole.rows, whole.last_batch_at) == (7, 5.0)
    assert (whole.succeeded.count, whole.succeeded.seconds) == (2, 3.0)
    assert (whole.batches[2].count, whole.batches[2].seconds) == (2, 0.75)
    assert (one.rows, other.rows) == (3, 4)
