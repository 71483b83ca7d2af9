"""Names with a slash: encoded on the way, and one part of a path for whoever routes."""

import asyncio
from typing import Any

import pytest

from app.api.v1.aliases import SlashesInNames, decoded


def routed(path: str, raw: bytes, kind: str = "http") -> str:
    """The path that the application behind it gets."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])

    asyncio.run(SlashesInNames(app)({"type": kind, "path": path, "raw_path": raw}, None, None))  # type: ignore[arg-type]
    return seen[0]


@pytest.mark.parametrize("slash", [b"%2F", b"%2f"])
def test_a_slash_that_was_encoded_stays_in_the_name(slash):
    path = routed("/v1/models/Tiny/Writer", b"/v1/models/Tiny" + slash + b"Writer")
    assert path == "/v1/models/Tiny%2FWriter"
    assert decoded(path.rpartition("/")[2]) == "Tiny/Writer"


@pytest.mark.parametrize(
    ("path", "raw", "kind"),
    [
        ("/v1/models/tiny/card", b"/v1/models/tiny/card", "http"),  # its sender means two parts
        ("/v1/models/a/b/card", b"/v1/models/a%2Fb/card", "http"),
        ("/other/a/b", b"/other/a%2Fb", "http"),
        ("/v1/models/a/b", b"/v1/models/a%2Fb", "websocket"),
    ],
)
def test_every_other_path_stays_as_it_is(path, raw, kind):
    assert routed(path, raw, kind) == path
