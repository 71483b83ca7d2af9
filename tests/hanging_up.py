"""Clients that leave before they have sent all."""

from starlette.testclient import TestClient


def hung_up_on(client: TestClient, path: str, kind: bytes = b"application/json", key: str = "") -> list[int]:
    """Hang up while a body arrives, and return the statuses with which that is answered."""
    arriving = [{"type": "http.request", "body": b"{", "more_body": True}]
    sent = []

    async def receive():
        return arriving.pop() if arriving else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": [(b"content-type", kind), (b"x-api-key", key.encode())], "client": ("127.0.0.1", 1),
             "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 80), "root_path": ""}  # fmt: skip
    assert client.portal
    client.portal.call(client.app, scope, receive, send)
    return [one["status"] for one in sent if one["type"] == "http.response.start"]
