"""A view of a model: items to rows of its kernel, and answered rows to outputs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic_core import to_jsonable_python

from app.errors import InferenceFailed, InvalidInput
from app.tasks.contract import Contract
from app.tasks.kernel import Kernel
from app.tensors import Session, Tensors

AnyKernel = TypeVar("AnyKernel", bound=Kernel)


@dataclass(frozen=True, slots=True)
class Prepared:
    """One item, ready for the queue.

    Most views make one row of an item. A text that is read sentence by sentence makes many, which
    the batcher may mix with anyone's; an item that needs no network makes none.
    """

    rows: Sequence[Tensors]
    context: Any = None  # what postprocess needs besides the answered rows


@dataclass(frozen=True, slots=True)
class Needs:
    """The needs of `preprocess` for an item: pixels to decode, and bytes of memory while it runs.

    `more`: how much longer than the least item of its kind it takes, in times of that; of pixels it is known.
    """

    pixels: int = 0
    num_bytes: int = 0
    more: float = 0.0


class Inquiry(Protocol):
    """The way of a composed answer to others: on the terms of the request that it is for, and by its deadline."""

    async def itself(self, view: "View[Any]", items: Sequence[Any], parameters: Any) -> list[Any]:
        """Outputs of a view of the very kernel. Raises InvalidInput, whose details are relative to one item."""
        ...

    async def model(self, name: str, view: str, items: Sequence[Any], parameters: Any) -> list[Any]:
        """Outputs of another model. Raises ModelNotReady and InvalidInput, and what it raises besides."""
        ...


class View(ABC, Generic[AnyKernel]):
    """One way to ask a model: with typed items, for its reasons, with the very tensors of its graph.

    Methods are pure and thread-safe, as those of the kernel are. `preprocess` and `postprocess` see one item, so one
    bad item fails alone.
    """

    contract: ClassVar[Contract]

    priority: ClassVar[int] = 0
    """That of its rows in the queue: the larger, the later is their turn, but 0 is as good as 2."""

    has_needs: ClassVar[bool] = False
    """Whether `needs` tells more than nothing."""

    asks_nothing: ClassVar[bool] = False
    """Whether it never makes rows: it tells what the kernel knows, and whether the graph answers does not matter."""

    def __init__(self, kernel: AnyKernel) -> None:
        self.kernel = kernel

    def check(self, parameters: Any) -> None:
        """Raises InvalidInput for what this very model cannot do; details are relative to the parameters."""
        return None

    def needs(self, item: Any) -> Needs:
        """Return what an item needs, known before anything is decoded. Raises InvalidInput as `preprocess` does."""
        return Needs()

    def foreseen(self, item: Any, parameters: Any) -> Sequence[int]:
        """Return the least lengths, by `kernel.length`, of the rows of an item; none if unknown or refused."""
        return ()

    def is_repeatable(self, item: Any, parameters: Any) -> bool:
        """Whether the same answer is as good the next time: nothing in it is drawn at random, or as it was then."""
        return True

    def is_composed(self, parameters: Any) -> bool:
        """Whether an answer is made by `compose`, of answers of others, and not of rows of its own."""
        return False

    async def compose(self, item: Any, parameters: Any, ask: Inquiry) -> Any:
        """An `Output`, for which others are asked. Raises InvalidInput as `preprocess` does, and ModelNotReady."""
        raise NotImplementedError("an answer of this view is made of rows")

    def is_quick(self, item: Any) -> bool:
        """Whether `preprocess` takes less of this item than handing it to another thread would."""
        return False

    @abstractmethod
    def preprocess(self, item: Any, parameters: Any) -> Prepared:
        """Raises InvalidInput, whose details are relative to the item, for example ["text"]."""

    @abstractmethod
    def postprocess(self, prepared: Prepared, answers: Sequence[Tensors], parameters: Any) -> Any:
        """An `Output`, from one answer for each row of `prepared`."""

    def added(self, prepared: Prepared, answers: Sequence[Tensors]) -> str:
        """Return the text that the last of `answers` adds to the output, or without any, the text before the first.

        `answers` are those of the first rows; joined, what is added by one more row each is the text of the output.
        """
        raise NotImplementedError("an output of this view has no pieces")

    def answer_alone(self, sessions: Mapping[str, Session], prepared: Prepared, parameters: Any) -> Any:
        """Return the output of a prepared item without a queue, row by row."""
        answers = [self.kernel.run(sessions, [row])[0] for row in prepared.rows]
        return self.postprocess(prepared, answers, parameters)

    def answers_quickly(self, answers: Sequence[Tensors]) -> bool:
        """Whether `postprocess` takes less of these than handing them to another thread would."""
        return False

    def located(self, error: InvalidInput, position: int) -> InvalidInput:
        """The fault of the item at `position` of a request, as a fault of the request."""
        return error.under("inputs", position)

    def refused(self, error: InferenceFailed) -> Exception:
        """Return what a caller is told whose row the graph could not compute: our fault, unless it is his."""
        return error


def require_parameters(view: View[Any], parameters: Any) -> None:
    """Raises InvalidInput under "parameters" for what this very model cannot do."""
    try:
        view.check(parameters)
    except InvalidInput as error:
        raise error.under("parameters") from None


def predict_alone(view: View[Any], sessions: Mapping[str, Session], item: Any, parameters: Any) -> Any:
    """Answer one item without a queue, row by row: for golden examples and for judging a recipe.

    Raises InvalidInput, whose details are relative to the item, or begin with "parameters".
    """
    view.kernel.prepare_with(sessions)
    require_parameters(view, parameters)
    if view.is_composed(parameters):
        raise InvalidInput("such an answer asks other models, and none is there").under("parameters")
    return view.answer_alone(sessions, view.preprocess(item, parameters), parameters)


def predict_json(view: View[Any], sessions: Mapping[str, Session], item: Any, parameters: Mapping[str, Any]) -> Any:
    """`predict_alone`, with plain JSON values in and out."""
    Input, Parameters = view.contract.Input, view.contract.Parameters
    return to_json(predict_alone(view, sessions, Input.model_validate(item), Parameters.model_validate(parameters)))


def to_json(output: Any) -> Any:
    """An output as plain JSON values."""
    return to_jsonable_python(output)
