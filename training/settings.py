"""Settings of a training, each with its bounds, as `--set epochs=8` names them."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Between:
    """Marks a setting that a search varies from `low` to `high`, evenly in its logarithm if `in_log`."""

    low: float
    high: float
    in_log: bool = False


Epochs = Annotated[int, Field(ge=1, le=10_000)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Width = Annotated[int, Field(ge=2, le=8192)]
Layers = Annotated[int, Field(ge=1, le=64)]
Rate = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
Penalty = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class TrainingSettings(BaseModel):
    """The settings of one recipe; what each means is said where its training is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def changed(self, given: Mapping[str, str]) -> Self:
        """These with each of `given`, as texts. Raises TrainingError for an unknown name, or a value out of bounds."""
        for name in given:
            if name not in type(self).model_fields:
                near = get_close_matches(name, type(self).model_fields, 1)
                hint = f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(type(self).model_fields)}"
                raise TrainingError(f"--set {name}: there is no such setting{hint}")
        try:
            return type(self).model_validate({**self.model_dump(), **given})
        except ValidationError as error:
            (first, *_) = error.errors(include_url=False)
            name = ".".join(map(str, first["loc"]))
            where = f"{name}={given[name]}" if name in given else " ".join(f"{n}={v}" for n, v in given.items())
            said = first["msg"].removeprefix("Value error, ")
            raise TrainingError(f"--set {where}: {said[:1].lower()}{said[1:]}") from error
