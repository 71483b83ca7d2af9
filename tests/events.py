"""Server-sent events, as the OpenAPI document describes them."""

from typing import Any


def data_of(content: dict[str, Any]) -> Any:
    """The schema of the JSON that is the data of each event."""
    data = content["itemSchema"]["properties"]["data"]
    return next(one for one in (data, *data.get("anyOf", ())) if "contentSchema" in one)["contentSchema"]
