"""The two clients, for `with` and for `async with`; they differ in how they wait, and in nothing else."""

import asyncio
import time
from collections.abc import Mapping
from typing import Self, TypeVar

import httpx

from tessera_client.calls import Call
from tessera_client.patience import Patience, lost

T = TypeVar("T")


class Client:
    """Ask a service at `url`, such as http://127.0.0.1:8000, with a `key` if it asks for one. Thread-safe.

    `timeout_s` (at most 600) are for all of a call: its at most `max_attempts` attempts and the pauses between them.
    The service is told what is left of it; if it says nothing then, the call ends a second later. `headers` go with
    each request. Raises TesseraError.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout_s: float = 30.0,
        max_attempts: int = 4,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._max_attempts = max_attempts
        self._http = httpx.Client(base_url=url, headers=_with_key(key, headers))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def ask(self, call: Call[T], *, timeout_s: float | None = None) -> T:
        """Send `call` until it is answered; `timeout_s` instead of the client's."""
        patience = Patience(self._timeout_s if timeout_s is None else timeout_s, self._max_attempts)
        while True:
            headers, socket_timeout_s = patience.attempt()
            try:
                response = self._http.request(
                    call.method, call.path, headers=headers, timeout=socket_timeout_s, **call.sent
                )
            except httpx.RequestError as error:
                raise lost(error) from error
            if response.is_success:
                return call.read(response)
            time.sleep(patience.pause_after(response))


class AsyncClient:
    """`Client`, for coroutines of one event loop."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout_s: float = 30.0,
        max_attempts: int = 4,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._max_attempts = max_attempts
        self._http = httpx.AsyncClient(base_url=url, headers=_with_key(key, headers))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def ask(self, call: Call[T], *, timeout_s: float | None = None) -> T:
        """Send `call` until it is answered; `timeout_s` instead of the client's."""
        patience = Patience(self._timeout_s if timeout_s is None else timeout_s, self._max_attempts)
        while True:
            headers, socket_timeout_s = patience.attempt()
            try:
                response = await self._http.request(
                    call.method, call.path, headers=headers, timeout=socket_timeout_s, **call.sent
                )
            except httpx.RequestError as error:
                raise lost(error) from error
            if response.is_success:
                return call.read(response)
            await asyncio.sleep(patience.pause_after(response))


def _with_key(key: str | None, headers: Mapping[str, str] | None) -> dict[str, str]:
    return {**({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
