import json
import os
import re
import resource
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import app.keys.ring
from app.errors import InvalidInput, KeysUnreadable
from app.keys import KeyRing, add_key, read_keys, revoke_key


@pytest.fixture
def file(tmp_path):
    return tmp_path / "kept" / "keys.json"


@pytest.fixture
def follows_at_once(monkeypatch):
    monkeypatch.setattr(app.keys.ring, "LOOK_AGAIN_S", 0.0)


def owner_of(ring: KeyRing, secret: str) -> str | None:
    key = ring.find(secret.encode())
    return key and key.name


def test_a_secret_is_known_again_by_its_name_and_nothing_else_is(file):
    secrets = {name: add_key(file, name) for name in ("laptop", "nightly-job")}
    ring = KeyRing(file)
    for name, secret in secrets.items():
        assert owner_of(ring, secret) == name
        for wrong in (secret[:-1], secret + "x", secret.upper(), secret[:16], f" {secret}", ""):
            assert owner_of(ring, wrong) is None, wrong
    assert ring.find(b"\xff\x00" * 1000) is None
    start, other = secrets["laptop"][:16], secrets["nightly-job"][16:]
    assert owner_of(ring, start + other) is None


def test_a_secret_holds_256_random_bits_and_is_not_in_the_file(file):
    secret = add_key(file, "laptop")
    assert re.fullmatch(r"tessera_[0-9a-f]{8}[\w-]{43}", secret)
    assert secret[16:] not in file.read_text()
    assert len({add_key(file, f"k{i}")[16:] for i in range(20)}) == 20


def test_the_file_is_for_its_owner_only_and_replaced_as_a_whole(file):
    add_key(file, "one")
    first = file.stat()
    assert stat.S_IMODE(first.st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.chmod(0o644)
    add_key(file, "two")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_ino != first.st_ino
    assert [path.name for path in file.parent.iterdir()] == ["keys.json"]


def test_of_keys_that_are_added_at_once_none_is_lost(file):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: add_key(file, f"k{i}"), range(32)))
    assert {key.name for key in read_keys(file)} == {f"k{i}" for i in range(32)}


def test_where_the_file_is_a_link_its_target_is_replaced(file, tmp_path):
    file.parent.mkdir()
    file.symlink_to(tmp_path / "elsewhere.json")
    add_key(file, "laptop")
    assert file.is_symlink()
    assert "laptop" in (tmp_path / "elsewhere.json").read_text()


@pytest.mark.parametrize("name", ["", "-a", "a b", "a\nb", "a\n", "ä", "a" * 65, 'a"b', "../x"])
def test_a_name_that_could_spoil_a_log_is_refused(file, name):
    with pytest.raises(InvalidInput, match="is no name for a key"):
        add_key(file, name)
    assert not file.exists()


def test_a_name_is_given_once_and_only_what_is_there_can_be_revoked(file):
    add_key(file, "laptop")
    with pytest.raises(InvalidInput, match="there is a key laptop already"):
        add_key(file, "laptop")
    with pytest.raises(InvalidInput, match="no key 'labtop'; there are: laptop"):
        revoke_key(file, "labtop")


@pytest.mark.usefixtures("follows_at_once")
def test_what_is_added_and_revoked_holds_in_a_ring_that_is_in_use(file):
    ring = KeyRing(file)
    assert len(ring) == 0
    first = add_key(file, "first")
    second = add_key(file, "second")
    assert (owner_of(ring, first), owner_of(ring, second)) == ("first", "second")
    revoke_key(file, "first")
    assert (owner_of(ring, first), owner_of(ring, second)) == (None, "second")
    anew = add_key(file, "first")
    assert (owner_of(ring, first), owner_of(ring, anew)) == (None, "first")


@pytest.mark.usefixtures("follows_at_once")
def test_without_the_file_nobody_has_a_key(file):
    secret = add_key(file, "laptop")
    ring = KeyRing(file)
    file.unlink()
    assert owner_of(ring, secret) is None


@pytest.mark.usefixtures("follows_at_once")
def test_a_file_that_was_damaged_changes_nothing_and_the_log_says_so_once(file, caplog):
    secret = add_key(file, "laptop")
    ring = KeyRing(file)
    file.write_text('{"keys": [')
    for _ in range(3):
        assert owner_of(ring, secret) == "laptop"
    assert caplog.text.count("the keys stay as they were") == 1
    assert "is not a file of keys" in caplog.text


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def link_to_itself(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


def endless(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def empty(file: Path) -> None:
    file.write_bytes(b"")


def no_text(file: Path) -> None:
    file.write_bytes(b"\xff" * 100)


UNREADABLE = [folder, pipe, link_to_itself, endless, empty, no_text]


@pytest.mark.usefixtures("follows_at_once")
@pytest.mark.parametrize("spoil", UNREADABLE)
def test_a_key_that_was_revoked_while_the_file_could_not_be_read_is_refused_as_soon_as_it_can(file, spoil, caplog):
    first, second = add_key(file, "first"), add_key(file, "second")
    ring = KeyRing(file)
    revoke_key(file, "first")
    without_first = file.read_bytes()
    spoil(file)
    assert owner_of(ring, first) == "first"
    assert "the keys stay as they were" in caplog.text
    file.rmdir() if file.is_dir() else file.unlink()
    file.write_bytes(without_first)
    assert (owner_of(ring, first), owner_of(ring, second)) == (None, "second")


@pytest.mark.usefixtures("follows_at_once")
def test_a_key_that_was_revoked_while_descriptors_had_run_out_is_refused_when_there_are_some(file, caplog):
    secret = add_key(file, "laptop")
    ring = KeyRing(file)
    revoke_key(file, "laptop")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        assert owner_of(ring, secret) == "laptop"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "Too many open files" in caplog.text
    assert owner_of(ring, secret) is None


@pytest.mark.usefixtures("follows_at_once")
@pytest.mark.parametrize("spoil", UNREADABLE)
def test_nobody_is_let_in_when_the_file_could_not_be_read_for_too_long_and_then_again(file, spoil, monkeypatch):
    monkeypatch.setattr(app.keys.ring, "TRUSTED_S", 0.0)
    secret = add_key(file, "laptop")
    ring = KeyRing(file)
    kept = file.read_bytes()
    spoil(file)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises(KeysUnreadable):
            owner_of(ring, secret)
    assert len(os.listdir("/proc/self/fd")) == before
    file.rmdir() if file.is_dir() else file.unlink()
    file.write_bytes(kept)
    assert owner_of(ring, secret) == "laptop"


@pytest.mark.usefixtures("follows_at_once")
def test_a_change_is_seen_that_leaves_size_file_and_dates_as_they_were(file):
    first = add_key(file, "first")
    ring = KeyRing(file)
    before, kept = file.stat(), json.loads(file.read_text())
    kept["keys"][0]["sha256"] = "0" * 64
    with open(file, "r+") as same_file:
        same_file.write(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = file.stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
    assert owner_of(ring, first) is None


@pytest.mark.usefixtures("follows_at_once")
def test_a_link_that_is_swapped_leads_to_other_keys(file, tmp_path):
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    first, second = add_key(old, "first"), add_key(new, "second")
    file.parent.mkdir()
    file.symlink_to(old)
    ring = KeyRing(file)
    assert (owner_of(ring, first), owner_of(ring, second)) == ("first", None)
    (tmp_path / "link").symlink_to(new)
    os.replace(tmp_path / "link", file)
    assert (owner_of(ring, first), owner_of(ring, second)) == (None, "second")


def test_the_file_is_looked_at_once_a_second_at_most(file):
    secret = add_key(file, "laptop")
    ring = KeyRing(file)
    file.unlink()
    assert owner_of(ring, secret) == "laptop"


def test_a_secret_that_somebody_wrote_into_the_file_is_not_repeated(file):
    secret = add_key(file, "laptop")
    kept = json.loads(file.read_text())
    kept["keys"][0]["sha256"] = secret
    file.write_text(json.dumps(kept))
    with pytest.raises(ValueError, match=r"is not a file of keys: keys\.0\.sha256: ") as raised:
        read_keys(file)
    assert secret not in str(raised.value)


def run(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TESSERA_KEYS_FILE": str(file)}
    command = [sys.executable, "-m", "app", "keys", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_the_command_line_shows_a_secret_once_and_never_again(file):
    added = run(file, "add", "laptop")
    secret = added.stdout.strip()
    assert added.returncode == 0
    assert owner_of(KeyRing(file), secret) == "laptop"
    assert "once" in added.stderr
    assert secret not in added.stderr
    listed = run(file, "list")
    may = "predict, read\tall models\tany rate\tno quota\tnever expires"
    assert re.fullmatch(rf"laptop\t{secret[:16]}…\t[-\d]+ [:\d]+ UTC\t{may}\n", listed.stdout)
    assert run(file, "revoke", "laptop").returncode == 0
    assert run(file, "list").stdout == ""
    refused = run(file, "revoke", "laptop")
    assert refused.returncode == 1
    assert "no key 'laptop'; there are: none" in refused.stderr
