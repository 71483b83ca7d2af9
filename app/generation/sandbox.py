"""Chat templates as jinja2 reads them, within bounds of time and size. Knows no tokens.

A template comes with a model, and is a program: it may loop for ever, or write without end. jinja2's sandbox keeps it
from what it must not touch; the bounds here are put into the template's own tree, before it is compiled.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import datetime
from functools import wraps
from types import BuiltinMethodType
from typing import Any, cast

from jinja2 import TemplateError, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

MOST_SECONDS = 1.0
"""Of processor time, for one text."""
MOST_CHARACTERS = 64 * 2**20
"""Written in all for one text, what is written in macros and kept in variables included."""
MOST_AT_ONCE = 8 * 2**20
"""Characters or items of one value."""
LARGEST_NUMBER = 1_000_000
"""That a filter or a method of text is given: it may be a width."""
LARGEST_BITS = 4096
"""Of a product."""


class _Bound:
    def __init__(self) -> None:
        self._until = time.thread_time() + MOST_SECONDS
        self._characters = MOST_CHARACTERS

    def spend(self, characters: int) -> None:
        self._characters -= characters
        if self._characters < 0 or characters > MOST_AT_ONCE:
            raise SecurityError("it writes too much")
        if time.thread_time() > self._until:
            raise SecurityError(f"it takes more than {MOST_SECONDS:g} s")


_bound: ContextVar[_Bound] = ContextVar("bound")


class BoundedTemplate:
    """Raises jinja2.TemplateError for a source that is none."""

    def __init__(self, source: str) -> None:
        environment = _Environment()
        tree = environment.parse(source)
        self.names = frozenset(meta.find_undeclared_variables(tree))
        """The names that it reads and does not set itself."""
        self._template = environment.from_string(_Bounding().visit(tree))

    def render(self, values: Mapping[str, Any]) -> str:
        """Raises what the template raises, and SecurityError beyond the bounds."""
        token = _bound.set(_Bound())
        try:
            return self._template.render(values)
        finally:
            _bound.reset(token)


class _Bounding(NodeTransformer):
    """Puts the bounds into a tree: turns of loops and macros, and values that are written or kept, are counted."""

    def _with_turns_counted(self, node: nodes.For | nodes.Macro) -> nodes.Node:
        text = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        self.generic_visit(node)
        turn = nodes.Call(nodes.EnvironmentAttribute("turn"), [nodes.Const(text)], [], None, None)
        node.body.insert(0, nodes.ExprStmt(turn))
        return node

    visit_For = visit_Macro = _with_turns_counted

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        self.generic_visit(node)
        node.nodes = [one if isinstance(one, nodes.TemplateData) else _counted(one) for one in node.nodes]
        return node

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:
        self.generic_visit(node)
        node.node = _counted(cast(nodes.Expr, node.node))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        return _counted(cast(nodes.Expr, self.generic_visit(node)))


def _counted(value: nodes.Expr) -> nodes.Expr:
    return nodes.Call(nodes.EnvironmentAttribute("counted"), [value], [], None, None)


class _Environment(ImmutableSandboxedEnvironment):
    """As the transformers library sets it up for chat templates."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation])
        self.filters["tojson"] = _to_json
        self.filters = {name: _modest(filter) for name, filter in self.filters.items()}
        self.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
        del self.globals["lipsum"]

    def turn(self, characters: int) -> None:
        _bound.get().spend(characters)

    def counted(self, value: Any) -> Any:
        _bound.get().spend(len(value) if isinstance(value, str | list | tuple | dict) else 1)
        return value

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        # Names as in jinja2, so that a template may call something with any names.
        if isinstance(__obj, BuiltinMethodType):
            _check_numbers([*args, *kwargs.values()])
        return super().call(__context, __obj, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None
        _check_widths(value.__self__)
        return _modest(wrapped, after=0)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        _check_operation(operator, left, right)
        return super().call_binop(context, operator, left, right)


def _check_operation(operator: str, left: Any, right: Any) -> None:
    bits = [value.bit_length() for value in (left, right) if isinstance(value, int)]
    sizes = [len(value) for value in (left, right) if isinstance(value, str | list | tuple)]
    if operator == "%" and isinstance(left, str):
        _check_widths(left)
        _check_numbers(right if isinstance(right, tuple) else [right])
    elif operator == "+" and sum(sizes) > MOST_AT_ONCE:
        raise SecurityError("it makes too large a value")
    elif operator == "*" and sizes and bits:
        if sizes[0] * (left if isinstance(left, int) else right) > MOST_AT_ONCE:
            raise SecurityError("it makes too large a value")
    elif len(bits) == 2 and {"*": sum(bits), "**": bits[0] * abs(right)}.get(operator, 0) > LARGEST_BITS:
        raise SecurityError("it makes too large a number")


def _check_numbers(values: Any) -> None:
    if any(isinstance(value, int) and abs(value) > LARGEST_NUMBER for value in values):
        raise SecurityError("it uses too large a number")


def _check_widths(text: str) -> None:
    if re.search(r"\d{6}", text):
        raise SecurityError("it writes too wide")


def _modest(function: Callable[..., Any], after: int = 1) -> Callable[..., Any]:
    """Refuses large numbers in all arguments after the first ones."""

    @wraps(function)  # what it takes first, a context say, is told by its attributes
    def checked(*args: Any, **kwargs: Any) -> Any:
        _check_numbers([*args[after:], *kwargs.values()])
        if function.__name__ == "do_format":
            _check_widths(str(args[0]))
        return function(*args, **kwargs)

    return checked


class _Generation(Extension):
    """`{% generation %}`: marks what a model wrote, for training."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True)).set_lineno(line)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # jinja2's own escapes what HTML would read.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _strftime_now(format: str) -> str:
    return datetime.now().strftime(format)
