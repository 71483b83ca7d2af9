"""The limits of a key, and how much of them is left, in the headers of its answers.

The fields are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

from functools import lru_cache

from starlette.types import Message, Send

from app.keys.limits import Left, Meter
from app.keys.terms import Rate

REFUSED = (429, 503)  # by us, for want of room or time: such a request has had nothing


def telling_what_is_left(send: Send, meter: Meter, *, has_taken: bool) -> Send:
    """Return what sends an answer with both fields. A request that has taken a place gives it back if it is refused."""

    async def send_with_fields(message: Message) -> None:
        if message["type"] == "http.response.start":
            if has_taken and message["status"] in REFUSED:
                meter.give_back()
            left = meter.left
            fields = [
                (b"ratelimit-policy", ", ".join([_policy(one.name, one.unit, one.rate) for one in left]).encode()),
                (b"ratelimit", ", ".join([_left(one) for one in left]).encode()),
            ]
            message["headers"] = [*message.get("headers", ()), *fields]
        await send(message)

    return send_with_fields


@lru_cache(1024)  # keys have few kinds of limits
def _policy(name: str, unit: str, rate: Rate) -> str:
    return f'"{name}";q={rate.amount};qu="{unit}";w={rate.window_s}'


def _left(one: Left) -> str:
    return f'"{one.name}";r={one.amount};t={one.reset_s}'
