"""Golden examples of a graph that is served as it is."""

import numpy as np

from app.repository.golden import difference
from app.repository.manifest import Golden
from app.tasks.base import predict_alone, to_json
from app.tasks.tensors import RawTensors, RawTensorsParameters, TensorsInput, as_lists
from app.tensors import Session

MAX_GOLDEN_NUMBERS = 10_000  # a manifest and a page of documentation hold them


def golden_example(task: RawTensors, session: Session) -> tuple[tuple[Golden, ...], tuple[str, ...]]:
    """Return the answer to the task's probe as a golden example; or none, and in words why not."""
    item = TensorsInput({name: as_lists(array) for name, array in task.probe(1).items()})
    first, second = (predict_alone(task, {"model": session}, item, RawTensorsParameters()) for _ in range(2))
    arrays = [np.asarray(value) for value in [*item.root.values(), *first.root.values()]]
    count = sum(array.size for array in arrays)
    if count > MAX_GOLDEN_NUMBERS:
        return (), (f"Has no golden example: it would be {count} numbers.",)
    # Rounding differs between processors in proportion to the numbers.
    numbers = [np.abs(array[np.isfinite(array)]) for array in arrays if array.dtype.kind in "fiu"]
    tolerance = 1e-4 * max([1.0, *(float(array.max(initial=0)) for array in numbers)])
    if difference(to_json(first), to_json(second), tolerance):
        return (), ("Has no golden example: it gives another answer each time.",)
    return (Golden(input=item.root, output=to_json(first), tolerance=tolerance),), ()
