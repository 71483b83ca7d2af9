"""Whoever counts the steps of answers."""

from typing import Protocol


class StepObserver(Protocol):
    """Is told what happens, for metrics."""

    def stepped(self, answers: int, rows: int, seconds: float) -> None: ...

    def read(self, tokens: int) -> None: ...

    def began(self, cached_tokens: int, queue_s: float) -> None: ...

    def first_token(self, seconds: float) -> None: ...

    def ended(self, phase: str, reason: str) -> None: ...
