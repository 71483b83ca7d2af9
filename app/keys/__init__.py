"""The keys of callers, what they may do and how much of it. Knows no HTTP."""

from app.keys.file import add_key, read_keys, revoke_key, rotate_key
from app.keys.record import EVERYTHING, SCOPES, Key, Scope
from app.keys.ring import KeyRing

__all__ = ["EVERYTHING", "SCOPES", "Key", "KeyRing", "Scope", "add_key", "read_keys", "revoke_key", "rotate_key"]
