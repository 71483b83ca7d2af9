"""Docstrings say what a thing is or does: a noun or a verb comes first, and no question."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("app", "training", "tessera_client", "benchmarks", "tests")
QUESTION = re.compile(r"(?:What|How|Which|Whose)\b")


def strings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Docstrings, and the strings that stand below what they explain."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value


def test_no_docstring_begins_with_a_question_word() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    found = [(path, one) for path in files for one in strings(ast.parse(path.read_text(encoding="utf-8")))]
    assert len(found) > len(files)
    asking = [f"{path.relative_to(ROOT)}:{one.lineno}" for path, one in found if QUESTION.match(str(one.value))]
    assert not asking
