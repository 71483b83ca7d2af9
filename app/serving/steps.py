"""The questions of a pipeline's steps: items made of what the caller and the steps before gave."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any, NamedTuple

from pydantic import BaseModel, RootModel, ValidationError

from app.errors import Detail, InferenceFailed, InvalidArtifact, InvalidInput, ServiceError, first_fault, said
from app.repository.pipeline import INPUT, Step
from app.serving.contracts import contract_of
from app.serving.engine import Ask
from app.serving.pool import Pool
from app.serving.scheduler import weight_of
from app.tasks.contract import Contract

FEW_ITEMS = 4  # whose fields are put together on the event loop


class Asking(NamedTuple):
    """A step, and the view that it asks with these parameters."""

    step: Step
    contract: Contract
    parameters: Any


def asking_of(step: Step) -> Asking:
    """Raises InvalidArtifact for what the task of a step does not answer."""
    try:
        contract = contract_of(step)
        return Asking(step, contract, contract.Parameters.model_validate(step.parameters))
    except KeyError as error:
        raise InvalidArtifact(f"step {step.name}: a model for {step.task} does not answer {error}") from None
    except ValidationError as error:
        raise InvalidArtifact(f"step {step.name}: parameters: {said(first_fault(error))}") from None


async def items_of(one: Asking, given: Mapping[str, Sequence[Any]], threads: Pool, ask: Ask) -> Sequence[Any]:
    """Return the items a step is asked, made of what the caller and the steps before it gave for each item.

    Those of many are made on `threads`, of which the caller of `ask` has a share.
    """
    if not one.step.inputs:
        return given[INPUT]
    number = len(given[INPUT])
    if number <= FEW_ITEMS:
        return [_item(one, given, i) for i in range(number)]
    return await threads.map(
        partial(_item, one, given),
        range(number),
        [0.0] * number,
        caller=(ask.caller, ask.model),
        weight=weight_of(ask.priority),
    )


def _item(one: Asking, given: Mapping[str, Sequence[Any]], position: int) -> Any:
    item = {
        field: _found(source, given, position)
        if isinstance(source, str)
        else [_found(each, given, position) for each in source]
        for field, source in one.step.inputs.items()
    }
    try:
        return one.contract.Input.model_validate(item)
    except ValidationError as error:
        fault = first_fault(error)
        raise not_taken(one.step, {"loc": ["inputs", position, *fault["loc"]], "msg": fault["msg"]}) from None


def _found(reference: str, given: Mapping[str, Sequence[Any]], position: int) -> Any:
    """Raises InvalidInput for what the caller did not give, and InferenceFailed for what a step did not."""
    name, *path = reference.split(".")
    value = _bare(given[name][position])
    for at in path:
        try:
            value = _bare(_part(value, at))
        except (AttributeError, LookupError, TypeError, ValueError):
            if name == INPUT:
                raise InvalidInput("this is not there, and a step needs it").under("inputs", position, *path) from None
            raise InferenceFailed(f"step {name} gave no {'.'.join(path)}") from None
    return value


def _part(value: Any, name: str) -> Any:
    """Return the part of this name or position in `value` when it is written as JSON."""
    if isinstance(value, BaseModel):
        names = {field.alias or known: known for known, field in type(value).model_fields.items()}
        return getattr(value, names[name])
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}[name]
    return value[name] if isinstance(value, Mapping) else value[int(name)]


def _bare(value: Any) -> Any:
    return value.root if isinstance(value, RootModel) else value


def not_taken(step: Step, fault: Detail) -> ServiceError:
    """The fault of an item that was made for a step: the caller's, in what he gave, else ours."""
    loc = fault["loc"]
    if len(loc) > 2 and loc[0] == "inputs":
        source, inside = step.inputs.get(str(loc[2]), ""), loc[3:]
        if not isinstance(source, str):
            source, inside = (source[at], inside[1:]) if inside and isinstance(at := inside[0], int) else ("", [])
        name, *path = source.split(".")
        if name == INPUT:
            return InvalidInput(f"step {step.name}: {fault['msg']}").under("inputs", loc[1], *path, *inside)
    return InferenceFailed(f"step {step.name} does not take what came before it: {said(fault)}")
