"""Who asks: among callers the time of models is shared out, and each may use some of them."""

from contextvars import ContextVar
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from starlette.requests import Request
from starlette.types import Scope

from app.keys.limits import Meter

CALLER = "caller"  # in the state of a request that is put for somebody, by another name than his own
SUBSCRIBER_BITS = 64  # of an IPv6 address: one subscriber may use all that begin alike


class Caller(NamedTuple):
    """Whom the engine serves at the moment: `models` are the only ones that he may use, if there are any, and `meter`
    counts what they do for him."""

    models: frozenset[str] = frozenset()
    meter: Meter | None = None

    def may_use(self, model: str) -> bool:
        return not self.models or model in self.models


# Of each request, and of the tasks that it starts. Work of our own, such as loading at the start, may do anything.
ASKING: ContextVar[Caller] = ContextVar("ASKING", default=Caller())  # noqa: B039 - it cannot be changed


def caller_of(request: Request) -> str:
    """Name whoever asks: by his key or, if none was asked for, by his address."""
    state = request.scope.get("state", {})
    if CALLER in state:
        return str(state[CALLER])
    if key := state.get("key"):
        return f"key {key}"
    client = request.scope.get("client")
    return subscriber(client[0]) if client else ""


def address_of(scope: Scope) -> str:
    """Return the address of a client, as it is; empty if there is none."""
    client = scope.get("client")
    return client[0] if client else ""


@lru_cache(4096)  # more addresses than ask within a moment; each entry is some hundred bytes
def subscriber(host: str) -> str:
    """Return whose address it is: of IPv6, all that begin alike are of one."""
    try:
        address = ip_address(host)
    except ValueError:  # such as a socket of Unix
        return host
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or ip_network((address, SUBSCRIBER_BITS), strict=False))
