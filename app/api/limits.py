"""What one request may ask of us."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    max_body_bytes: int = 16_000_000
    max_items: int = 256
    request_timeout_s: float = 30.0
