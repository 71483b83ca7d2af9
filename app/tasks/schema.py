"""The base of all that a caller may send."""

from copy import deepcopy
from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

LARGEST_INTEGER = 2**53 - 1  # every reader of JSON keeps whole numbers up to this one exact (RFC 8259, section 6)
MOST_UNKNOWN = 5  # fields of one object that are refused one by one


class NullIsAbsent(BaseModel):
    """A model whose fields with a default may be null, which is as good as leaving them out.

    Clients that are generated from a schema, or hold a request in a dataclass, write every field. The JSON schema does
    not mention it: whoever writes a request by hand has no reason to send null.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: Any = handler(source)
        above, fields = schema, schema.get("schema", {})
        while fields["type"] != "model-fields":  # validators of the model stand before it
            above, fields = fields, fields["schema"]
        optional = {name: one["schema"] for name, one in fields["fields"].items() if one["schema"]["type"] == "default"}
        for one in optional.values():
            if one["schema"]["type"] not in ("nullable", "any", "none"):
                one["schema"] = core_schema.no_info_wrap_validator_function(_nullable, one["schema"])

        def without_nulls(found: Any) -> Any:
            values, _, names_set = found
            for name in [name for name in names_set if name in optional and values[name] is None]:
                values[name] = _default(optional[name])
                names_set.discard(name)
            return found

        if optional:
            above["schema"] = core_schema.no_info_after_validator_function(without_nulls, fields)
        return schema  # type: ignore[no-any-return]


class OneFault(FailFast):
    """Of a list the first fault is enough: thousands would cost as many errors. It may stand in unions, too."""

    def __hash__(self) -> int:
        return hash(type(self))


def at_most(count: int) -> BeforeValidator:
    """Refuses an object of more fields before it looks at them: of each that is wrong it would say so."""

    def checked(value: Any) -> Any:
        if isinstance(value, dict) and len(value) > count:
            raise ValueError(f"has {len(value)} fields, and may have {count}")
        return value

    return BeforeValidator(checked)


class Schema(NullIsAbsent):
    """Base of all that a caller may send: a field we do not know is an error, not a silent no-op."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _has_few_unknown(cls, values: Any) -> Any:
        # Each would be a fault of its own, which costs microseconds; of millions nobody reads more than the first.
        if isinstance(values, dict) and len(values) > len(cls.model_fields) + MOST_UNKNOWN:
            known = [field.alias or name for name, field in cls.model_fields.items()]
            unknown = [name for name in values if name not in known]
            first = ", ".join(f"{name:.40}" for name in unknown[:3])
            raise ValueError(
                f"{len(unknown)} fields are not known: {first}, …; there are: {', '.join(known) or 'none'}"
            )
        return values


def _nullable(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Any:
    return None if value is None else validate(value)


def _default(schema: Any) -> Any:
    return schema["default_factory"]() if "default_factory" in schema else deepcopy(schema["default"])
