import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

import app.keys.ring
from app.errors import InvalidInput, KeyExpired
from app.keys import EVERYTHING, KeyRing, add_key, read_keys, revoke_key, rotate_key

HOUR = timedelta(hours=1)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(app.keys.ring, "LOOK_AGAIN_S", 0.0)
    return tmp_path / "keys.json"


def find(ring: KeyRing, secret: str):
    return ring.find(secret.encode())


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def rewrite(file, **fields) -> None:
    kept = json.loads(file.read_text())
    kept["keys"][0] |= fields
    file.write_text(json.dumps(kept))


def test_a_file_that_was_written_before_keys_had_terms_still_gives_each_key_everything(file):
    secret = add_key(file, "old")
    kept = json.loads(file.read_text())
    kept["keys"] = [{name: kept["keys"][0][name] for name in ("name", "start", "sha256", "created")}]
    file.write_text(json.dumps(kept))
    add_key(file, "new")
    old, new = read_keys(file)
    assert (old.scopes, old.models, old.rate, old.quota, old.expires) == (EVERYTHING, (), None, None, None)
    assert new.scopes == ("predict", "read")
    assert json.loads(file.read_text())["keys"][0] == kept["keys"][0], "what it does not say stays unsaid"
    assert find(KeyRing(file), secret) == old


def test_terms_are_kept(file):
    terms = {"scopes": ("read",), "models": ("a", "b"), "rate": "5/s", "quota": "1h/day", "expires": in_seconds(9)}
    add_key(file, "laptop", **terms)
    (key,) = read_keys(file)
    assert {name: getattr(key, name) for name in terms} == terms


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"scopes": ["root"]}, r"scopes\.0: Input should be 'predict'"),
        ({"scopes": []}, "scopes: "),
        ({"models": ["../x"]}, r"models\.0: "),
        ({"rate": "fast"}, "rate: 'fast' is no rate"),
        ({"quota": "5"}, "quota: '5' is no quota"),
        ({"expires": datetime(2030, 1, 1)}, "expires: "),
    ],
)
def test_terms_that_cannot_be_used_are_refused_and_nothing_is_written(file, terms, why):
    with pytest.raises(InvalidInput, match=why):
        add_key(file, "laptop", **terms)
    assert not file.exists()


def test_a_key_that_has_expired_is_told_so_and_the_log_once(file, caplog):
    secret = add_key(file, "laptop", expires=in_seconds(60))
    ring = KeyRing(file)
    assert find(ring, secret).name == "laptop"
    rewrite(file, expires="2026-01-02T03:04:00Z")
    for _ in range(3):
        with pytest.raises(KeyExpired, match="the key laptop expired on 2026-01-02 03:04 UTC; ask whoever") as refused:
            find(ring, secret)
    assert refused.value.key == "laptop"
    assert caplog.text.count("expired on") == 1
    assert find(ring, secret + "x") is None, "only its owner learns that"


def test_a_rotated_key_has_a_new_secret_and_the_old_one_holds_for_a_while(file):
    first = add_key(file, "laptop", rate="5/s")
    second = rotate_key(file, "laptop", HOUR)
    ring = KeyRing(file)
    assert find(ring, first) == find(ring, second)
    assert find(ring, second).rate == "5/s"
    (old,) = read_keys(file)[0].replaced
    assert abs(old.until - in_seconds(3600)) < timedelta(seconds=60)
    third = rotate_key(file, "laptop", HOUR)
    assert find(ring, first) == find(ring, second) == find(ring, third)
    rewrite(file, replaced=[{"start": first[:16], "sha256": "0" * 64, "until": "2026-01-01T00:00:00Z"}])
    assert find(ring, first) is None
    revoke_key(file, "laptop")
    assert find(ring, third) is None


def test_an_old_secret_ends_with_its_time_and_says_that_there_is_a_new_one(file, caplog):
    first = add_key(file, "laptop")
    rotate_key(file, "laptop", HOUR)
    kept = json.loads(file.read_text())
    rewrite(file, replaced=[{**kept["keys"][0]["replaced"][0], "until": "2026-01-01T00:00:00Z"}])
    with pytest.raises(KeyExpired, match="this secret of the key laptop was replaced by a new one"):
        find(KeyRing(file), first)
    rotate_key(file, "laptop", HOUR)
    assert first[:16] not in file.read_text(), "it is forgotten when the next one comes"


def test_without_an_overlap_the_old_secret_is_good_for_nothing_at_once(file):
    first = add_key(file, "laptop")
    rotate_key(file, "laptop", timedelta())
    assert find(KeyRing(file), first) is None


def test_a_secret_never_outlives_its_key_and_an_expired_key_is_only_rotated_with_a_new_end(file):
    add_key(file, "laptop", expires=in_seconds(60))
    second = rotate_key(file, "laptop", HOUR)
    (key,) = read_keys(file)
    assert key.replaced[0].until <= key.expires
    rewrite(file, expires="2026-01-01T00:00:00Z")
    with pytest.raises(InvalidInput, match=r"the key laptop expired on 2026-01-01 00:00 UTC; say how long"):
        rotate_key(file, "laptop", HOUR)
    third = rotate_key(file, "laptop", HOUR, in_seconds(60))
    ring = KeyRing(file)
    assert find(ring, third).name == "laptop"
    assert find(ring, second) is None
    with pytest.raises(InvalidInput, match="there is no key 'nobody'; there are: laptop"):
        rotate_key(file, "nobody", HOUR)


def test_whatever_changes_in_the_file_is_audited_by_the_service_that_follows_it(file, caplog):
    caplog.set_level(logging.INFO, "app.audit")
    add_key(file, "first")
    ring = KeyRing(file)
    add_key(file, "second")
    revoke_key(file, "first")
    find(ring, "")
    rotate_key(file, "second", HOUR)
    find(ring, "")
    told = [record.getMessage() for record in caplog.records if record.name == "app.audit"]
    assert told == [
        f'who="the file of keys" action="keys {action}" outcome=done key={key}'
        for action, key in (("revoke", "first"), ("add", "second"), ("change", "second"))
    ]
