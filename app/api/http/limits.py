"""Limits on what one request may ask of us."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.api.media.json_text import JsonLimits
from app.tasks.contract import Contract

# For whatever asks no model, such as loading one.
OTHER_BODY_BYTES = 64_000
LARGEST_AT_A_TIME = 8  # bodies for which there is room, unless a setting says how many bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """`task_body_bytes` replaces what the contracts of tasks say. Raises ValueError for one that would have no effect.

    `bodies_bytes` are those of all requests at once; without it, LARGEST_AT_A_TIME of the largest.

    Items have one limit for all tasks: work is bounded by the time that it would take, not by counting it.
    """

    max_body_bytes: int = 32_000_000
    max_items: int = 256
    request_timeout_s: float = 30.0
    task_body_bytes: Mapping[str, int] = field(default_factory=dict)
    bodies_bytes: int | None = None
    json: JsonLimits = field(default_factory=JsonLimits)

    def __post_init__(self) -> None:
        if self.all_bodies_bytes < self.max_body_bytes:
            raise ValueError(
                f"a limit of {self.all_bodies_bytes} bytes for all bodies, and one may have {self.max_body_bytes}"
            )
        for task, limit in self.task_body_bytes.items():
            if not 0 < limit <= self.max_body_bytes:
                raise ValueError(f"a limit of {limit} bytes for {task}: must be from 1 to {self.max_body_bytes}")

    @property
    def all_bodies_bytes(self) -> int:
        return LARGEST_AT_A_TIME * self.max_body_bytes if self.bodies_bytes is None else self.bodies_bytes

    @property
    def other_body_bytes(self) -> int:
        """Bytes that the body of a request may have that asks no model."""
        return min(OTHER_BODY_BYTES, self.max_body_bytes)

    def body_bytes(self, contract: Contract) -> int:
        """Bytes that the body of a request may have to a model whose own view has this contract."""
        limit = self.task_body_bytes.get(contract.name) or contract.body_bytes
        return min(limit or self.max_body_bytes, self.max_body_bytes)
