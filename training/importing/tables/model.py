"""A model of tables as its own library answers with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import onnx
import pandas as pd

from app.tensors import Array


@dataclass(frozen=True, slots=True)
class TableModel:
    """`kind` says what it is, and of which library.

    `names` of its columns, in order; those in `categories` are texts, and have these. `labels` are empty if it tells a
    number. `told` answers rows, whose columns have these names, fp32 or text: probabilities [rows, labels], or numbers
    [rows]. `graph` writes it with the inputs `numbers` and `categories`; raises TrainingError.
    """

    kind: str
    library: str
    names: Sequence[str]
    labels: Sequence[str]
    told: Callable[[pd.DataFrame], Array]
    graph: Callable[[], onnx.ModelProto]
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)
