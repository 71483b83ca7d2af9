"""Words as people count them, and texts as people write them one after another."""

import re
from collections.abc import Iterable

from app.tasks.segmentation.marks import CLOSING

# Characters written without spaces between words: kana, Han and their extensions.
HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003134f"
_WIDE = re.compile(f"[{HAN}\u3001-\u303f\uff01-\uff65]")
_WORD = re.compile(rf"[{HAN}]|[^\W{HAN}]++(?:[^\w\s]++[^\W{HAN}]++)*+")


def words(text: str) -> list[str]:
    """Return its words in lower case; each Chinese or Japanese character is one."""
    return _WORD.findall(text.lower())


def joined(texts: Iterable[str]) -> str:
    """Return texts as one line: a space between them, but none where Chinese or Japanese goes on."""
    result: list[str] = []
    for text in (" ".join(line.split()) for whole in texts for line in whole.splitlines()):
        if result and text and not _WIDE.match(result[-1].rstrip(CLOSING + "…—")[-1:]):
            result.append(" ")
        if text:
            result.append(text)
    return "".join(result)
