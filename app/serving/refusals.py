"""Whose fault is it that a graph failed on a row? Of tensors that a caller chose himself, the caller's."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import InferenceFailed, InvalidInput, PayloadTooLarge
from app.tensors import GraphRefused


@contextmanager
def tell_refusals(*, by_item: bool) -> Iterator[None]:
    """Say to the caller what the graph has against the row that it could not compute.

    `by_item` names the row as an item, else as a row of the tensors. Raises InvalidInput, or PayloadTooLarge if memory
    ran out on the row alone; InferenceFailed of any other cause passes through.
    """
    try:
        yield
    except InferenceFailed as error:
        if isinstance(error.__cause__, GraphRefused):
            refusal = InvalidInput(_said(f"the graph cannot compute this: {error.__cause__}", error.row, by_item))
        elif isinstance(error.__cause__, MemoryError):
            refusal = PayloadTooLarge(_said("the graph needs more memory for this than it can get", error.row, by_item))
        else:
            raise
        raise refusal.under("inputs", *([error.row] if by_item and error.row is not None else [])) from error


def _said(what: str, row: int | None, by_item: bool) -> str:
    return what if by_item or row is None else f"row {row}: {what}"
