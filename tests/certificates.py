"""Certificates of a moment."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import trustme


class Files(NamedTuple):
    certificate: Path
    key: Path


AUTHORITY = trustme.CA()


def write_certificate(folder: Path, days: float = 60, name: str = "own") -> Files:
    """Write a certificate for localhost that ends after so many days, and its key."""
    now = datetime.now(UTC)
    made = AUTHORITY.issue_cert(
        "localhost", "127.0.0.1", not_before=now - timedelta(days=100), not_after=now + timedelta(days=days)
    )
    files = Files(folder / f"{name}.pem", folder / f"{name}.key")
    files.certificate.write_bytes(b"".join(one.bytes() for one in made.cert_chain_pems))
    made.private_key_pem.write_to_path(str(files.key))
    return files
