import logging
import os

import pytest
from certificates import write_certificate
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from app.api.http import certificate
from app.api.http.certificate import Certificate


@pytest.fixture
def files(tmp_path):
    return write_certificate(tmp_path)


@pytest.fixture
def follows_at_once(monkeypatch):
    monkeypatch.setattr(certificate, "LOOK_AGAIN_S", 0.0)


def missing(files):
    files.certificate.unlink()


def folder(files):
    files.key.unlink()
    files.key.mkdir()


def swapped(files):
    files.certificate.write_bytes(files.key.read_bytes())


def empty(files):
    files.key.write_bytes(b"")


def of_another(files):
    write_certificate(files.key.parent, name="other").key.replace(files.key)


def encrypted(files):
    key = load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))


SPOILT = [
    (missing, "TESSERA_TLS_CERT: .*own.pem cannot be read: No such file"),
    (folder, "TESSERA_TLS_KEY: .*own.key cannot be read: Is a directory"),
    (swapped, "TESSERA_TLS_CERT: .*own.pem is no certificate in PEM"),
    (empty, "TESSERA_TLS_KEY: .*own.key is no private key in PEM"),
    (of_another, "TESSERA_TLS_KEY: .*own.key is not the key of the certificate .*own.pem"),
    (encrypted, "TESSERA_TLS_KEY: .*own.key is encrypted"),
]


@pytest.mark.parametrize(("spoil", "why"), SPOILT, ids=lambda one: getattr(one, "__name__", ""))
def test_a_file_that_cannot_be_used_is_named_with_its_setting(files, spoil, why):
    spoil(files)
    with pytest.raises(ValueError, match=why):
        Certificate(*files)


@pytest.mark.parametrize(
    ("days", "level", "said"),
    [
        (60, logging.INFO, "is valid until"),
        (3, logging.WARNING, "is valid until"),
        (-1, logging.WARNING, "has expired; clients will refuse it"),
    ],
)
def test_the_log_says_until_when_it_is_valid_and_warns_in_time(tmp_path, caplog, days, level, said):
    caplog.set_level(logging.INFO)
    Certificate(*write_certificate(tmp_path, days))
    (record,) = caplog.records
    assert record.levelno == level
    assert said in record.getMessage()


@pytest.mark.usefixtures("follows_at_once")
@pytest.mark.parametrize("spoil", [spoil for spoil, _ in SPOILT], ids=lambda one: one.__name__)
def test_what_is_spoilt_later_changes_nothing_and_the_log_says_so_once(files, tmp_path, spoil, caplog):
    own = Certificate(*files)
    before = own.context
    spoil(files)
    assert own.context is own.context is before
    assert caplog.text.count("the certificate stays as it was: TESSERA_TLS_") == 1


@pytest.mark.usefixtures("follows_at_once")
def test_a_renewal_is_taken_up_when_both_files_are_there(files, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    own = Certificate(*files)
    before = own.context
    assert own.context is before
    new = write_certificate(tmp_path, name="new")
    os.replace(new.certificate, files.certificate)
    assert own.context is before
    os.replace(new.key, files.key)
    assert own.context is not before
    assert "the certificate was renewed" in caplog.text


def test_the_files_are_looked_at_every_few_seconds_at_most(files):
    own = Certificate(*files)
    files.key.unlink()
    assert own.context is own.context
