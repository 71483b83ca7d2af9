"""Objects of a schema that say nothing of other fields have none. A small model would add fields without end.

Answers stay valid by the schema as it was sent.
"""

from collections.abc import Mapping
from typing import Any

# Where one of these is, several schemas hold for one object, and each would refuse the fields of the others.
_TOGETHER = frozenset(
    ("allOf", "if", "not", "patternProperties", "propertyNames", "unevaluatedProperties", "dependentSchemas",
     "dependentRequired", "minProperties")
)  # fmt: skip
_VALUES, _BY_NAME = ("enum", "const", "default", "examples"), ("properties", "$defs", "definitions")
_CHOICES = frozenset(("anyOf", "oneOf", "$ref"))


def closed(schema: Any) -> Any:
    """Return the schema with its objects closed; as it is where that could leave no valid answer."""
    return schema if _combines(schema) else _closed(schema)


def _combines(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(map(_combines, schema))
    if not isinstance(schema, Mapping):
        return False
    is_several = "properties" in schema and not _CHOICES.isdisjoint(schema)
    return is_several or not _TOGETHER.isdisjoint(schema) or any(map(_combines, schema.values()))


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    inside = {name: _inside(name, one) for name, one in schema.items()}
    fields, required = schema.get("properties"), schema.get("required", [])
    if not isinstance(fields, Mapping) or not isinstance(required, list) or "additionalProperties" in schema:
        return inside
    return {**inside, "additionalProperties": False} if set(map(str, required)) <= fields.keys() else inside


def _inside(name: str, value: Any) -> Any:
    if name in _VALUES:
        return value
    if name in _BY_NAME and isinstance(value, Mapping):
        return {field: _closed(one) for field, one in value.items()}
    return _closed(value)
