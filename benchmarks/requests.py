"""The requests that are sent to a server: where to, of which type, and the bodies."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Request:
    """Bodies lie in `file`: one, or one in each line."""

    path: str
    content_type: str
    file: Path
    is_lines: bool = False

    def bodies(self) -> list[bytes]:
        content = self.file.read_bytes()
        return content.splitlines() if self.is_lines else [content]

    def messages(self, headers: str = "") -> list[bytes]:
        """The bodies as whole HTTP/1.1 messages; `headers` are further lines, each with its line end."""
        return [
            f"POST {self.path} HTTP/1.1\r\nHost: benchmark\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(body)}\r\n{headers}\r\n".encode()
            + body
            for body in self.bodies()
        ]
