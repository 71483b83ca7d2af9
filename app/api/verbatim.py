"""Texts of manifests where pages make HTML of them: shown as text, and as nothing else."""

import re

from pydantic_core import to_json

from app.repository.manifest import Golden, Manifest


def verbatim(text: str) -> str:
    """Return Markdown that shows `text`, on one line, and makes nothing of it: no tag, no picture, no link.

    As code, since renderers turn even what is escaped into links where it looks like an address.
    """
    line = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if line else ""


def shown_golden(manifest: Manifest) -> Golden | None:
    """Return the first golden example in which a page finds no address to make a link of; None if there is none."""
    return next((one for one in manifest.golden if not has_address(one)), None)


def has_address(value: object) -> bool:
    """Whether a text in it is an address, of which a page would make a link."""
    return re.search(rb'"https?://', to_json(value)) is not None
