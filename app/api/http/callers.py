"""Who asks: among callers the time of models is shared out."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import Request

SUBSCRIBER_BITS = 64  # of an IPv6 address: one subscriber may use all that begin alike


def caller_of(request: Request) -> str:
    """Name whoever asks: by his key or, if none was asked for, by his address."""
    key = request.scope.get("state", {}).get("key")
    if key:
        return f"key {key}"
    client = request.scope.get("client")
    return _subscriber(client[0]) if client else ""


@lru_cache(4096)  # more addresses than ask within a moment; each entry is some hundred bytes
def _subscriber(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:  # such as a socket of Unix
        return host
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or ip_network((address, SUBSCRIBER_BITS), strict=False))
