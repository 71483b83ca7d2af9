"""The certificate and key of this server: read from two files, checked, and read again when they are renewed."""

import logging
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import NamedTuple

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 5.0  # at the files, when somebody connects
SAY_AGAIN_S = 60.0  # in the log, that they cannot be used
SOON = timedelta(days=14)
MOST_BYTES = 1_000_000
EXPIRED, NOT_YET_VALID = 10, 9  # X509_V_ERR_CERT_HAS_EXPIRED and X509_V_ERR_CERT_NOT_YET_VALID of OpenSSL


class PemFiles(NamedTuple):
    """The contents of both files."""

    certificate: bytes
    key: bytes


class Certificate:
    """The certificate that a server shows its clients, as it lies on disk at the moment.

    Files that are replaced are taken up by connections that come later. While they cannot be used, those before are,
    and the log says so: between the two writes of a renewal they do not match.
    Raises ValueError, if they cannot be used from the beginning, with the one that is wrong.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._paths = certificate, key
        self._pair = _read(certificate, key)
        self._context = _context(certificate, key)
        self._look_again_at = monotonic() + LOOK_AGAIN_S
        self._say_again_at = 0.0
        _tell_until(certificate, self._context)

    @property
    def context(self) -> ssl.SSLContext:
        self._look_again()
        return self._context

    @property
    def pem(self) -> PemFiles:
        self._look_again()
        return self._pair

    def _look_again(self) -> None:
        now = monotonic()
        if now < self._look_again_at:
            return
        self._look_again_at = now + LOOK_AGAIN_S
        certificate, key = self._paths
        try:
            pair = _read(certificate, key)
            if pair == self._pair:
                return
            # A context of its own: one that was given half of a pair has lost the other half of the last one.
            self._context, self._pair = _context(certificate, key), pair
            log.info("the certificate was renewed: %s", certificate)
            _tell_until(certificate, self._context)
        except ValueError as error:
            if now >= self._say_again_at:
                self._say_again_at = now + SAY_AGAIN_S
                log.error("the certificate stays as it was: %s", error)


def _read(certificate: Path, key: Path) -> PemFiles:
    contents = []
    for setting, path in (("TESSERA_TLS_CERT", certificate), ("TESSERA_TLS_KEY", key)):
        try:
            with open(path, "rb") as file:
                contents.append(file.read(MOST_BYTES))
        except OSError as error:
            raise ValueError(f"{setting}: {path} cannot be read: {error.strerror}") from None
    return PemFiles(*contents)


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a context with both. Raises ValueError."""
    alone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        alone.load_verify_locations(certificate)
    except OSError:
        raise ValueError(f"TESSERA_TLS_CERT: {certificate} is no certificate in PEM") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except _IsEncryptedError:
        raise ValueError(f"TESSERA_TLS_KEY: {key} is encrypted, and nobody is there to be asked") from None
    except OSError as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            raise ValueError(f"TESSERA_TLS_KEY: {key} is not the key of the certificate {certificate}") from None
        raise ValueError(f"TESSERA_TLS_KEY: {key} is no private key in PEM") from None
    return context


class _IsEncryptedError(Exception):
    pass


def _no_password() -> str:
    """OpenSSL would ask whoever sits at the terminal, and wait."""
    raise _IsEncryptedError


def _words(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or type(error).__name__


def _tell_until(path: Path, context: ssl.SSLContext) -> None:
    """Say until when a certificate is valid, and warn where clients refuse it, or soon will."""
    try:
        until = _valid_until(path, context)
    except ssl.SSLCertVerificationError as error:
        why = {EXPIRED: "has expired", NOT_YET_VALID: "is not valid yet"}.get(error.verify_code, error.verify_message)
        log.warning("TESSERA_TLS_CERT: %s %s; clients will refuse it", path, why)
        return
    except ssl.SSLError as error:
        log.warning("TESSERA_TLS_CERT: %s cannot be shown to a client: %s", path, _words(error))
        return
    soon = until - datetime.now(UTC) < SOON
    log.log(logging.WARNING if soon else logging.INFO, "%s is valid until %s", path, f"{until:%Y-%m-%d %H:%M} UTC")


def _valid_until(path: Path, context: ssl.SSLContext) -> datetime:
    """Show a certificate to a client in memory that trusts it alone. Raises SSLCertVerificationError, if it does not.

    Nothing else in the standard library reads the dates of a certificate of one's own.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(path)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks, answers = client.wrap_bio(down, up), context.wrap_bio(up, down, server_side=True)
    for _ in range(4):  # flights of a handshake
        for end in (asks, answers):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = asks.getpeercert()
    assert shown
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
