"""A graph that failed on a row is the caller's fault where he chose the tensors himself."""

from app.errors import InferenceFailed, InvalidInput, PayloadTooLarge, ServiceError
from app.tensors import GraphRefused


def refusal_of(error: InferenceFailed, *, by_item: bool) -> ServiceError:
    """Return what is told of a row that the graph refused or had no memory for; else `error` itself.

    `by_item` names the row as an item, else as a row of the tensors. Where memory ran out on the row alone it is
    PayloadTooLarge.
    """
    if isinstance(error.__cause__, GraphRefused):
        refusal = InvalidInput(_said(f"the graph cannot compute this: {error.__cause__}", error.row, by_item))
    elif isinstance(error.__cause__, MemoryError):
        refusal = PayloadTooLarge(_said("the graph needs more memory for this than it can get", error.row, by_item))
    else:
        return error
    return refusal.under("inputs", *([error.row] if by_item and error.row is not None else []))


def _said(what: str, row: int | None, by_item: bool) -> str:
    return what if by_item or row is None else f"row {row}: {what}"
