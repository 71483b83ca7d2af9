"""Templates that would not end, or would fill the memory."""

import jinja2
import pytest

from app.generation import sandbox
from app.generation.sandbox import BoundedTemplate

DOUBLE = "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = "
BOMBS = {
    "loops": "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "text in loops": "{% for a in range(100000) %}{% for b in range(100000) %}"
    + "x" * 999
    + "{% endfor %}{% endfor %}",
    "joined texts": DOUBLE + "ns.s ~ ns.s %}{% endfor %}",
    "added texts": DOUBLE + "ns.s + ns.s %}{% endfor %}",
    "filled texts": DOUBLE + "ns.s.replace('a', 'aa') %}{% endfor %}",
    "kept blocks": "{% macro f(n) %}{{ caller() }}{{ caller() }}{% endmacro %}"
    + "{% call f(1) %}" * 40
    + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    + "{% endcall %}" * 40,
    "macro in itself": "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
    "repeated text": "{{ 'a' * 10**9 }}",
    "repeated list": "{{ 10**9 * [1] }}",
    "wide method": "{{ 'a'.ljust(10**9) }}",
    "wide filter": "{{ 'a'|center(10**9) }}",
    "wide percent": "{{ '%1000000000d' % 1 }}",
    "wide percent from outside": "{{ '%*d' % (10**9, 1) }}",
    "wide format": "{{ '{:1000000000}'.format(1) }}",
    "wide format from outside": "{{ '{:{}}'.format(1, 10**9) }}",
    "wide format filter": "{{ '%1000000000d'|format(1) }}",
    "long range": "{% for a in range(10**9) %}{% endfor %}",
    "many batches": "{{ [1]|batch(10**9, 'x')|list }}",
    "powers": "{{ 9 ** (9 ** 9) }}",
    "products": "{% set ns = namespace(n=3) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
    "insides of Python": "{{ ''.__class__.__mro__ }}",
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_stopped(source: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sandbox, "MOST_SECONDS", 0.2)
    template = BoundedTemplate(source)
    with pytest.raises((jinja2.exceptions.SecurityError, RecursionError, OverflowError)):
        template.render({})


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ {'b': '<é>', 'a': 1} | tojson }}", '{"b": "<é>", "a": 1}'),
        ("{{ {'b': [1], 'a': 1} | tojson(indent=1, sort_keys=True) }}", '{\n "a": 1,\n "b": [\n  1\n ]\n}'),
        ("{% for a in 'xyz' %}{% if a == 'y' %}{% continue %}{% endif %}{{ loop.index }}{{ a }}{% endfor %}", "1x3z"),
        ("{% for a in 'xyz' %}{% if a == 'y' %}{% break %}{% endif %}{{ a }}{% else %}none{% endfor %}", "x"),
        ("a\n  {% generation %}\nb{% endgeneration %}\nc", "a\nbc"),
        ("{% set a %}x{{ 1 + 2 * 3 }}{% endset %}{{ a ~ 'y' }}{{ '%02d' % 7 }}{{ '{:>3}'.format(1) }}", "x7y07  1"),
        ("{% macro f(n) %}{% if n %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "321"),
        ("{{ missing }}{{ missing is defined }}{{ 'ab' | upper | replace('A', 'c') }}{{ 2 ** 5 }}", "FalsecB32"),
        ("{{ strftime_now('%%') }}", "%"),
    ],
)
def test_what_templates_do_they_do(source: str, text: str):
    assert BoundedTemplate(source).render({}) == text


def test_a_template_says_why_it_refuses():
    with pytest.raises(jinja2.TemplateError, match="roles must alternate"):
        BoundedTemplate("{{ raise_exception('roles must alternate') }}").render({})


def test_what_it_reads_is_known():
    assert BoundedTemplate("{% set a = tools %}{{ a }}{% for m in messages %}{{ m }}{% endfor %}").names == {
        "tools",
        "messages",
    }
