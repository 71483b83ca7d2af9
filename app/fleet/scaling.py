"""The number of replicas of each model, and what each may use, as a file says."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from app.errors import first_fault, said

Seconds = Annotated[float, Field(ge=0)]


class ModelScaling(BaseModel):
    """Replicas of a version, and the share of a machine that each takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_replicas: Annotated[int, Field(ge=1)] = 1
    max_replicas: Annotated[int, Field(ge=1)] = 4
    requests_per_replica: Annotated[float, Field(gt=0)] = 8
    """Requests that a replica answers or has in its queue, on average, above which there are to be more of them."""
    upscale_delay_s: Seconds = 5
    downscale_delay_s: Seconds = 60
    cpus: Annotated[float, Field(ge=0)] = 1
    """Processors that a replica reserves. Its models use as many threads as there are whole ones, at least one."""
    gpus: Annotated[float, Field(ge=0)] = 0
    """Share of a GPU: .25 puts four replicas on one. Ray counts them, and keeps none from taking more."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max_replicas < self.min_replicas:
            raise ValueError(f"max_replicas {self.max_replicas} is less than min_replicas {self.min_replicas}")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise ValueError(f"gpus {self.gpus:g}: a share of one GPU, or a whole number of them")
        return self

    @property
    def threads(self) -> int:
        return max(1, int(self.cpus))


class ScalingPlan(BaseModel):
    """The scaling of each model: of one that is not named, the default's; of one that is, what differs from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: ModelScaling = ModelScaling()
    models: dict[str, ModelScaling] = {}

    @model_validator(mode="before")
    @classmethod
    def _differing(cls, given: Any) -> Any:
        match given:
            case {"default": dict(default), "models": dict(models)}:
                merged = {name: {**default, **one} if isinstance(one, dict) else one for name, one in models.items()}
                return {**given, "models": merged}
        return given

    def of(self, name: str) -> ModelScaling:
        return self.models.get(name, self.default)


def read_scaling(file: Path | None) -> ScalingPlan:
    """Raises ValueError, which says what is wrong and where, and OSError."""
    if file is None:
        return ScalingPlan()
    try:
        return ScalingPlan.model_validate(from_json(file.read_bytes()))
    except ValidationError as error:
        raise ValueError(f"{file}: {said(first_fault(error))}") from None
    except ValueError as error:
        raise ValueError(f"{file} is no JSON: {error}") from None
