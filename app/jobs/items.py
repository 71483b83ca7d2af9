"""Lines that are items for one model, which the engine answers."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, get_args

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import to_json

from app.errors import InferenceFailed, InvalidInput, ModelNotFound, ServiceError, first_fault, said
from app.jobs.asking import LineResult
from app.jobs.line_reader import InputLine
from app.jobs.records import Format, JobFailed
from app.jobs.rows import ANY
from app.serving.engine import Ask, Engine, Served
from app.serving.scheduler import BACKGROUND_LEVEL
from app.tasks.contract import named_first

MOST_TOGETHER = 32  # more make a quick model hardly quicker, and others wait while they are written
QUICK_BYTES = 20_000  # of lines that are read in less time than handing them to a thread takes
WITHIN_S = 600.0  # an answer that takes longer alone is an error

Parse = Callable[[bytes], Any]
"""Reads JSON. Raises InvalidInput and ValueError."""


class ItemAnswers:
    """Asks one model, on the lowest level of priority and as one caller."""

    def __init__(
        self,
        engine: Engine,
        model: str,
        parameters: dict[str, Any],
        *,
        caller: str,
        parse: Parse,
        threads: Executor,
        format: Format = "jsonl",
    ) -> None:
        self._engine = engine
        self._model = model
        self._given = parameters
        self._caller = caller
        self._parse = parse
        self._threads = threads
        self._format = format
        self._counted = b"line" if format == "jsonl" else b"row"
        self.most_together = MOST_TOGETHER

    def check(self) -> Served:
        """Raise what is wrong with the model or the parameters for every line: ModelNotFound, ModelNotReady and
        InvalidInput."""
        served = self._engine.find(self._model)
        contract = served.contract
        # An answer that comes piece by piece takes long, and others should not wait for it.
        self.most_together = 1 if contract.Piece else contract.most_items(MOST_TOGETHER)
        self._parameters(served)
        return served

    def columns(self) -> dict[str, Any]:
        """Return the fields of an item, as an FileOrder for a file with columns has them. Raises as `check` does."""
        contract = self._engine.find(self._model).contract
        schema: type[BaseModel] = contract.Input
        if issubclass(schema, RootModel):
            return {"structured": [ANY], "is_table": contract.Line is not None}
        fields = {field.alias or name: field for name, field in schema.model_fields.items()}
        structured = [name for name, field in fields.items() if not _is_text(field.annotation)]
        return {"fields": list(fields), "structured": structured}

    def _parameters(self, served: Served) -> Any:
        try:
            return served.contract.Parameters.model_validate(self._given)
        except ValidationError as error:
            raise InvalidInput.of([first_fault(error)]).under("parameters") from None

    async def answer(self, lines: Sequence[InputLine]) -> list[LineResult]:
        try:
            served = self.check()
        except (ModelNotFound, InvalidInput) as error:
            raise JobFailed(str(error)) from error
        is_quick = sum(len(line.content or b"") for line in lines) <= QUICK_BYTES
        items = await self._done(lambda: [self._item(line, served) for line in lines], is_quick=is_quick)
        outputs = await self._outputs([one for one in items if not isinstance(one, ServiceError)], served)
        answers = iter(outputs)
        told = [one if isinstance(one, ServiceError) else next(answers) for one in items]
        results: list[LineResult] = await self._done(
            lambda: [_written(self._counted, line.number, one, served) for line, one in zip(lines, told, strict=True)],
            is_quick=is_quick and served.contract.write is None,
        )
        return results

    def refused(self, line: InputLine, error: ServiceError) -> LineResult:
        return _told(self._counted, line.number, error)

    async def _done(self, function: Callable[[], Any], *, is_quick: bool) -> Any:
        if is_quick:
            return function()
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def _item(self, line: InputLine, served: Served) -> Any:
        """Return the item that a line is, or its fault."""
        if line.content is None:
            return InvalidInput("the line is longer than a line may be")
        try:
            value = self._parse(line.content)
            if isinstance(value, str) and self._format == "csv":  # that is why the line could not be read
                return InvalidInput(value)
            contract = served.contract
            if self._format == "csv" and contract.Line is not None:
                return contract.Line.model_construct(value)
            schema: type[BaseModel] = contract.Input
            return schema.model_validate(named_first(schema, value))
        except ValidationError as error:
            return InvalidInput.of([first_fault(error)])
        except ServiceError as error:
            return error
        except ValueError as error:
            return InvalidInput(f"the line is not valid JSON: {error}")

    async def _outputs(self, items: list[Any], served: Served) -> list[Any]:
        """Return the output of each item, or the error of one that has none."""
        if not items:
            return []
        view = served.contract.name
        ask = Ask(
            self._model, None, view, items, self._parameters(served), WITHIN_S, BACKGROUND_LEVEL, self._caller,
            read_for=served.forms[view],
        )  # fmt: skip
        try:
            return (await self._engine.predict(ask)).outputs
        except (InvalidInput, InferenceFailed) as error:
            if len(items) == 1:
                return [error]
            # One of them is at fault, which the others do not share.
            half = len(items) // 2
            return [*await self._outputs(items[:half], served), *await self._outputs(items[half:], served)]


def _is_text(annotation: Any) -> bool:
    return all(one in (str, type(None)) for one in get_args(annotation) or (annotation,))


def _written(counted: bytes, number: int, told: Any, served: Served) -> LineResult:
    if isinstance(told, ServiceError):
        return _told(counted, number, told)
    return LineResult(b'{"%b":%d,"output":%b}\n' % (counted, number, b"".join(served.contract.written(told))), False)


def _told(counted: bytes, number: int, error: ServiceError) -> LineResult:
    # Its place among items is that among those which were asked together, and says nothing.
    message = str(error)
    if error.details:
        loc, why = error.details[0]["loc"], error.details[0]["msg"]
        message = said({"loc": loc[2:] if loc[:1] == ["inputs"] else loc, "msg": why})
    told = {"message": message, "type": type(error).__name__}
    return LineResult(b'{"%b":%d,"error":%b}\n' % (counted, number, to_json(told)), True)
