"""The terms of a key, for the batch jobs that it asked for: they hold for each line as they would for a request."""

from app.api.http.callers import ASKING, Caller
from app.errors import Forbidden, KeysUnreadable, Overloaded
from app.jobs.records import JobFailed
from app.keys import KeyRing
from app.keys.limits import Meters

UNREADABLE_S = 60.0  # until somebody may have mended the file


class KeyTerms:
    """Lets the task that asks do what the key may: it uses the models of the key, and its quota."""

    def __init__(self, keys: KeyRing, meters: Meters) -> None:
        self._keys, self._meters = keys, meters

    def require(self, owner: str) -> None:
        """Raises JobFailed for a key that may ask no model any more, and Overloaded while its quota is used up or the
        keys cannot be read."""
        try:
            key = self._keys.named(owner)
        except KeysUnreadable as error:
            raise Overloaded(str(error), UNREADABLE_S) from error
        if key is None:
            raise JobFailed(f"the key {owner} was revoked, or has expired")
        if "predict" not in key.scopes:
            raise JobFailed(f"the key {owner} may ask no models any more")
        meter = self._meters.of(key)
        ASKING.set(Caller(frozenset(key.models), meter))
        if meter is None:
            return
        try:
            meter.require_model_time()
        except Forbidden as error:
            raise JobFailed(str(error)) from error
