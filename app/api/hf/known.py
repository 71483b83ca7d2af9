"""Schemas of this dialect, which refuse what would have no effect."""

from typing import Any

from pydantic import model_validator

from app.tasks.schema import Schema

MOST_QUOTED = 5  # unknown names that an error repeats


class KnownOnly(Schema):
    """An unknown name is refused together with those that are known."""

    @model_validator(mode="before")
    @classmethod
    def _are_known(cls, values: Any) -> Any:
        unknown = [name for name in values if name not in cls.model_fields] if isinstance(values, dict) else []
        if unknown:
            quoted = ", ".join(f"{name:.40}" for name in unknown[:MOST_QUOTED])
            raise ValueError(f"{quoted} would have no effect here; what has: {', '.join(cls.model_fields)}")
        return values
