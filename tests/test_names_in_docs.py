"""Pages that explain the code name only what is there, and a name of a class says which one."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("docs/architecture.md", "docs/vocabulary.md")
SOURCES = ("app", "training")

SAME_NAME = {"Asked": "what a dialect reads from a body; each has its own, and none knows another's"}
"""Names that several classes have, and why one word serves them all."""


@cache
def trees() -> list[ast.Module]:
    return [ast.parse(file.read_text()) for source in SOURCES for file in (ROOT / source).rglob("*.py")]


@cache
def functions() -> set[str]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for tree in trees() for node in ast.walk(tree) if isinstance(node, kinds)}


@cache
def members() -> dict[str, set[str]]:
    """By the name of a class: its methods, its fields and what it sets on itself, and those of its bases."""
    classes = [node for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    own: dict[str, set[str]] = {node.name: set() for node in classes}
    bases: dict[str, set[str]] = {node.name: set() for node in classes}
    for node in classes:
        for inside in ast.walk(node):
            if isinstance(inside, ast.FunctionDef | ast.AsyncFunctionDef):
                own[node.name].add(inside.name)
            elif isinstance(inside, ast.AnnAssign | ast.Assign):
                targets = inside.targets if isinstance(inside, ast.Assign) else [inside.target]
                own[node.name] |= {one.id for one in targets if isinstance(one, ast.Name)}
                own[node.name] |= {one.attr for one in targets if isinstance(one, ast.Attribute)}
        bases[node.name] |= {one.id for base in node.bases for one in ast.walk(base) if isinstance(one, ast.Name)}

    def all_of(name: str) -> set[str]:
        return own.get(name, set()).union(*(all_of(base) for base in bases.get(name, set()) - {name}))

    return {name: all_of(name) for name in own}


@cache
def constants() -> set[str]:
    """Names that modules assign, types among them."""
    found = set()
    for tree in trees():
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


def is_there(name: str) -> bool:
    """Whether something of this name is in the code; True of what is no name of code."""
    if re.fullmatch(r"[A-Z]\w*\.\w+", name):
        kind, _, member = name.partition(".")
        return member in members().get(kind, set())
    if re.fullmatch(r"\w+\(\)", name):
        return name.removesuffix("()") in functions()
    if re.fullmatch(r"[A-Z][a-z]\w*|[A-Z][A-Z_]+", name):
        return name in members() or name in constants()
    return True


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_is_there(page: str):
    text = (ROOT / page).read_text()
    named = set(re.findall(r"[\w/]+\.py\b", text)) | set(re.findall(r"`([\w/]+/)`", text))
    assert named
    assert not [one for one in named if not any((base / one).exists() for base in (ROOT, ROOT / "app"))]
    links = re.findall(r"\]\((?!http)([^)#]+)", text)
    assert not [one for one in links if not ((ROOT / page).parent / one).exists()]


@pytest.mark.parametrize("page", PAGES)
def test_every_class_member_and_function_is_there(page: str):
    prose = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    named = set(re.findall(r"`([^`\n]+)`", prose))
    assert not [one for one in named if not is_there(one)]


def test_what_is_not_there_is_found_out():
    assert is_there("Kernel.run")
    assert is_there("SECTIONS")
    assert not is_there("Kernel.fly")
    assert not is_there("Predictor")
    assert not is_there("predict_everything()")


def test_no_two_classes_share_a_name_without_a_reason():
    classes = [node.name for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    public = [name for name in classes if not name.startswith("_")]
    assert public
    assert {name for name, count in Counter(public).items() if count > 1} == set(SAME_NAME)
