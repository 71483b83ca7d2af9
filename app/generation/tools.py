"""Functions that a model may ask for: what callers offer to a form of answers, and an answer to calls of them."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from app.errors import InvalidInput
from app.generation.grammar import Grammars
from app.generation.prompt import Constraint

MOST_TOOLS = 128
FEW_FUNCTIONS = 4
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TAG = "<tool_call>"
_TAGGED = re.compile(_TAG + r"(.*?)(?:</tool_call>|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tools:
    """The functions that an answer may call, each by its name with the JSON schema of its arguments."""

    functions: Mapping[str, Mapping[str, Any]]
    places: Mapping[str, int]
    """Where each was offered."""
    is_required: bool
    """Whether an answer must be a call; if not, that is left to the model."""

    @classmethod
    def of(cls, tools: Sequence[Any] | None, tool_choice: Any = None) -> "Tools | None":
        """Read the tools on offer, and the choice among them, in OpenAI's form; None if an answer may call nothing.

        Raises InvalidInput under "tools" or "tool_choice".
        """
        try:
            functions = _functions([] if tools is None else tools)
        except InvalidInput as error:
            raise error.under("tools") from error
        try:
            return cls._chosen(functions, tool_choice)
        except InvalidInput as error:
            raise error.under("tool_choice") from error

    @classmethod
    def _chosen(cls, functions: dict[str, Mapping[str, Any]], choice: Any) -> "Tools | None":
        places = {name: at for at, name in enumerate(functions)}
        if choice is None or choice == "none":
            return cls(functions, places, is_required=False) if functions and choice is None else None
        if choice in ("auto", "required"):
            if not functions:
                raise InvalidInput("there are no tools to choose from")
            return cls(functions, places, is_required=choice == "required")
        function = choice.get("function") if isinstance(choice, Mapping) and choice.get("type") == "function" else None
        if not isinstance(function, Mapping):
            raise InvalidInput('must be "none", "auto", "required", or {"type": "function", "function": {"name": ...}}')
        if not isinstance(name := function.get("name"), str) or name not in functions:
            raise InvalidInput(f"no tool {name!r:.80}; there are: {', '.join(functions) or 'none'}").under(
                "function", "name"
            )
        return cls({name: functions[name]}, places, is_required=True)

    @property
    def schema(self) -> dict[str, Any]:
        """Of an answer that is a call: an object with the name of a function, and its arguments."""
        forms = [
            {
                "type": "object",
                "properties": {"name": {"const": name}, "arguments": {"$ref": f"#/$defs/{name}"}},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
            for name in self.functions
        ]
        # Whatever a schema refers to in itself has moved.
        moved = {name: _moved(schema, f"#/$defs/{name}") for name, schema in self.functions.items()}
        return {**(forms[0] if len(forms) == 1 else {"anyOf": forms}), "$defs": moved}

    def said(self, text: str) -> str:
        """Return what an answer with calls says before them."""
        return text.partition(_TAG)[0].strip() if _TAG in text else ""

    def calls(self, text: str) -> list[dict[str, Any]]:
        """The calls that an answer is, each with a new id; none if it is anything else.

        It is one object or a list of them, or each stands in <tool_call> tags, as many models are taught; before the
        first tag may be text. Arguments are a text of JSON.
        """
        written = _TAGGED.findall(text) or [text]
        try:
            read = [call for one in map(json.loads, written) for call in (one if isinstance(one, list) else [one])]
        except (ValueError, RecursionError):
            return []
        return [_call(one) for one in read] if read and all(map(self._is_call, read)) else []

    def constraint(self, grammars: Grammars) -> Callable[[], Constraint]:
        """Of an answer that is a call. Raises InvalidInput under "tools" for schemas that cannot be kept.

        Of a few it says which one: to try each may take as long as to try all of them together.
        """
        try:
            return grammars.json_schema(self.schema)
        except InvalidInput as error:
            for name, schema in self.functions.items() if len(self.functions) <= FEW_FUNCTIONS else ():
                try:
                    grammars.json_schema(schema)
                except InvalidInput as one:
                    raise one.under("tools", self.places[name], "function", "parameters") from one
            raise error.under("tools") from error

    def _is_call(self, read: Any) -> bool:
        is_whole = isinstance(read, Mapping) and isinstance(read.get("arguments"), Mapping)
        return is_whole and isinstance(read.get("name"), str) and read["name"] in self.functions


def _call(read: Mapping[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(read["arguments"], ensure_ascii=False)
    return {
        "id": f"call_{uuid4().hex[:24]}",
        "type": "function",
        "function": {"name": read["name"], "arguments": arguments},
    }


def _functions(tools: Sequence[Any]) -> dict[str, Mapping[str, Any]]:
    if isinstance(tools, str | Mapping) or not isinstance(tools, Sequence):
        raise InvalidInput("must be a list of tools")
    if len(tools) > MOST_TOOLS:
        raise InvalidInput(f"has {len(tools)} tools; {MOST_TOOLS} may be offered")
    functions: dict[str, Mapping[str, Any]] = {}
    for at, tool in enumerate(tools):
        try:
            name, schema = _function(tool)
            if name in functions:
                raise InvalidInput(f"{name!r} is the name of another tool, too").under("function", "name")
        except InvalidInput as error:
            raise error.under(at) from error
        functions[name] = schema
    return functions


def _function(tool: Any) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(tool, Mapping) or tool.get("type") != "function":
        raise InvalidInput('must be "function"').under("type")
    function = tool.get("function")
    if not isinstance(function, Mapping):
        raise InvalidInput("must be an object").under("function")
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r:.80} is no name: 1 to 64 letters, digits, _ and -").under("function", "name")
    schema = function.get("parameters")
    if schema is None:
        schema = {"type": "object", "properties": {}, "additionalProperties": False}
    if not isinstance(schema, Mapping) or schema.get("type", "object") != "object":
        raise InvalidInput("must be the schema of an object").under("function", "parameters")
    return name, {"type": "object", **schema}


def _moved(schema: Any, to: str) -> Any:
    if isinstance(schema, Mapping):
        return {
            key: to + value[1:]
            if key == "$ref" and isinstance(value, str) and value.startswith("#")
            else _moved(value, to)
            for key, value in schema.items()
        }
    return [_moved(one, to) for one in schema] if isinstance(schema, list) else schema
