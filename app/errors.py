"""Everything that can go wrong, as one tree. Nothing here knows HTTP.

ServiceError
├── InvalidInput        the caller sent something we cannot use
│   ├── PayloadTooLarge and it was too large to read
│   └── UnsupportedEncoding and it is compressed in a way that we do not know
├── Unauthorized        a key is needed, and a known one did not come
│   └── KeyExpired      it is known, and holds no longer
├── KeysUnreadable      no key can be checked at the moment
├── Forbidden           it may not be asked with this key, or from there
├── ModelNotFound       no such model or version
├── JobNotFound         no such batch job, or file, of this caller
├── JobsUnavailable     there is no folder that batch jobs could be kept in
├── ModelNotReady       known, but not loaded, or the service is stopping
├── Overloaded          it would not be answered in time; try again later
│   └── LimitReached    the key has had what it may have for now
├── DeadlineExceeded    it was admitted, and its time ran out
├── EventsUnavailable   the database of events cannot be used at the moment
├── EventsOff           this service keeps no events
├── InvalidArtifact     a version on disk that must not be served
├── NotWritable         what should be kept in the repository cannot be written
└── InferenceFailed     our fault
"""

from collections.abc import Sequence
from typing import Any, TypedDict

from pydantic import ValidationError


class Detail(TypedDict):
    """One fault of an input: `loc` is the path to it, for example ["inputs", 2, "text"]."""

    loc: list[str | int]
    msg: str


def first_fault(error: ValidationError) -> Detail:
    """Return what pydantic found first, without the value, which may be large or a secret."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return {"loc": list(fault["loc"]), "msg": fault["msg"].removeprefix("Value error, ")}


def said(fault: Detail) -> str:
    """Return a fault as "where: what"; of a whole input, as what alone."""
    where = ".".join(map(str, fault["loc"]))
    return f"{where}: {fault['msg']}" if where else fault["msg"]


class ServiceError(Exception):
    """Base of every error raised on purpose; `str(error)` is safe to show a caller."""

    def __init__(self, message: str, details: Sequence[Detail] = ()) -> None:
        super().__init__(message)
        self.details = list(details)

    @property
    def cause(self) -> str:
        """The reason it happened, in words, for whoever looks after the service; "" if nothing else led to it."""
        return repr(self.__cause__) if self.__cause__ else self.__dict__.get("_cause", "")

    def __reduce__(self) -> tuple[Any, ...]:
        # By default a copy is made by calling the class with the message alone, which not every class takes; and its
        # cause, which may be any exception of any library, would be lost.
        fields = {**self.__dict__, "_cause": cause} if (cause := self.cause) else self.__dict__
        return _rebuilt, (type(self), self.args, fields)


def _rebuilt(kind: type[ServiceError], args: tuple[Any, ...], fields: dict[str, Any]) -> ServiceError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(fields)
    return error


class InvalidInput(ServiceError):
    def under(self, *loc: str | int) -> "InvalidInput":
        """The same fault, seen from further out: `loc` is put before the path of each detail."""
        details = self.details or [{"loc": [], "msg": str(self)}]
        moved: list[Detail] = [{"loc": [*loc, *one["loc"]], "msg": one["msg"]} for one in details]
        return type(self).of(moved)

    @classmethod
    def of(cls, details: Sequence[Detail]) -> "InvalidInput":
        """An error that says the first of `details`, and how many there are."""
        more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
        return cls(said(details[0]) + more, details)


class PayloadTooLarge(InvalidInput):
    pass


class UnsupportedEncoding(InvalidInput):
    pass


class Unauthorized(ServiceError):
    pass


class KeyExpired(Unauthorized):
    """`key` is the name of the key."""

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class KeysUnreadable(ServiceError):
    pass


class Forbidden(ServiceError):
    pass


class ModelNotFound(ServiceError):
    """`has_more`: the message names some of those that there are, and a list of them all would help."""

    def __init__(self, message: str, *, has_more: bool = False) -> None:
        super().__init__(message)
        self.has_more = has_more


class JobNotFound(ServiceError):
    pass


class JobsUnavailable(ServiceError):
    pass


class ModelNotReady(ServiceError):
    pass


class Overloaded(ServiceError):
    """`retry_after_s`: seconds until there should be room, by the measured speed of the model."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class LimitReached(Overloaded):
    pass


class DeadlineExceeded(ServiceError):
    pass


class EventsUnavailable(ServiceError):
    """`retry_after_s`: seconds until the database is tried again."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class EventsOff(ServiceError):
    pass


class InvalidArtifact(ServiceError):
    pass


class NotWritable(ServiceError):
    pass


class InferenceFailed(ServiceError):
    """`row` counts the rows of the request up to the one that could not be computed; None if it was no single one."""

    def __init__(self, message: str, details: Sequence[Detail] = (), row: int | None = None) -> None:
        super().__init__(message, details)
        self.row = row
