import pytest

from app.errors import InferenceFailed, InvalidInput, PayloadTooLarge, ServiceError
from app.tasks.refusals import refusal_of
from app.tensors import GraphRefused


def failure(cause: Exception, row: int | None) -> InferenceFailed:
    error = InferenceFailed("the model failed on this input", row=row)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "kind", "says"),
    [
        (GraphRefused("indices out of bounds"), InvalidInput, "the graph cannot compute this: indices out of bounds"),
        (MemoryError(), PayloadTooLarge, "the graph needs more memory for this than it can get"),
    ],
)
def test_what_a_graph_refuses_of_chosen_tensors_is_the_callers_fault(
    cause: Exception, kind: type[ServiceError], says: str
) -> None:
    by_item = refusal_of(failure(cause, 3), by_item=True)
    assert type(by_item) is kind
    assert by_item.details == [{"loc": ["inputs", 3], "msg": says}]
    by_row = refusal_of(failure(cause, 3), by_item=False)
    assert type(by_row) is kind
    assert by_row.details == [{"loc": ["inputs"], "msg": f"row 3: {says}"}]
    assert refusal_of(failure(cause, None), by_item=False).details == [{"loc": ["inputs"], "msg": says}]


def test_any_other_failure_stays_ours() -> None:
    error = failure(RuntimeError("a bug"), 0)
    assert refusal_of(error, by_item=True) is error
