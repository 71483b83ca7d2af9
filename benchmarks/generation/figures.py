"""The figures of a load, as `vllm bench serve` defines them. Knows nothing of servers.

TTFT: from when an ask was sent until its first piece of text. TPOT: the time from that to the last piece, for each
token after the first. ITL: the time between two pieces, which may have several tokens. Tokens are those of the usage
that the server reports, and pieces where it reports none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.generation.client import Told
from benchmarks.load import REFUSED, TIMED_OUT, quantile

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Answer:
    """One ask that was answered: when its pieces came, in seconds since the epoch of `sent`, and its tokens."""

    sent: float
    pieces: tuple[float, ...]
    tokens: int
    prompt_tokens: int
    is_whole: bool
    ended_s: float

    @property
    def first_s(self) -> float:
        return self.pieces[0]

    @property
    def between_s(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.pieces, self.pieces[1:], strict=False)]

    @property
    def each_s(self) -> float | None:
        """TPOT; None of an answer of one token."""
        return (self.pieces[-1] - self.pieces[0]) / (self.tokens - 1) if self.tokens > 1 else None


def answer_of(told: Told) -> Answer | None:
    """None if not one piece of text came."""
    pieces: list[float] = []
    usage: dict[str, Any] = {}
    is_over = False
    for at, event in told.events:
        usage = event.get("usage") or usage
        for choice in event.get("choices") or []:
            if choice.get("text"):
                pieces.append(at)
            is_over = is_over or bool(choice.get("finish_reason"))
    if not pieces:
        return None
    tokens = int(usage.get("completion_tokens") or len(pieces))
    is_whole = told.status == 200 and not told.left and is_over
    return Answer(told.sent, tuple(pieces), tokens, int(usage.get("prompt_tokens") or 0), is_whole, told.ended_s)


def summarize(all_told: Sequence[Told], seconds: float, deadline_s: float = float("inf")) -> dict[str, Any]:
    """Rates over `seconds`, and milliseconds of what was answered. Goodput: whole and within `deadline_s`, a second."""
    answered = [(told, answer) for told in all_told if (answer := answer_of(told)) is not None]
    whole = [answer for _, answer in answered if answer.is_whole]
    good = [answer for told, answer in answered if answer.is_whole and told.late_s + answer.ended_s <= deadline_s]
    refused = [told for told in all_told if told.status in REFUSED]
    timed_out = sum(told.status in TIMED_OUT for told in all_told)
    left = sum(told.left for told in all_told)
    return {
        "requests": len(all_told),
        "seconds": seconds,
        "tokens_s": sum(answer.tokens for _, answer in answered) / seconds,
        "prompt_tokens_s": sum(answer.prompt_tokens for answer in whole) / seconds,
        "requests_s": len(whole) / seconds,
        "goodput_s": len(good) / seconds,
        "good_tokens_s": sum(answer.tokens for answer in good) / seconds,
        "short": sum(answer.tokens < told.ask.answer for told, answer in answered if answer.is_whole),
        "refused": len(refused),
        "timed_out": timed_out,
        "left": left,
        "failed": len(all_told) - len(whole) - len(refused) - timed_out - left,
        **_in_ms("ttft", [answer.first_s for _, answer in answered]),
        **_in_ms("tpot", [each for _, answer in answered if (each := answer.each_s) is not None]),
        **_in_ms("itl", [gap for _, answer in answered for gap in answer.between_s]),
        **_in_ms("e2e", [answer.ended_s for answer in whole]),
        **_in_ms("refusal", [told.ended_s for told in refused]),
    }


def _in_ms(name: str, seconds: Sequence[float]) -> dict[str, float | None]:
    return {f"{name}_{share}_ms": quantile(seconds, value) for share, value in SHARES.items()}


def between_during(all_told: Iterable[Told], start: float, end: float) -> dict[str, float | None]:
    """The times between pieces that fall into the time from `start` to `end`, by the clock of `sent`, or reach into it.

    A server that writes nothing in all of this time goes on after it: just then it counts.
    """
    gaps = []
    for told in all_told:
        if answer := answer_of(told):
            times = zip(answer.pieces, answer.pieces[1:], strict=False)
            gaps += [
                later - earlier for earlier, later in times if told.sent + later >= start and told.sent + earlier <= end
            ]
    return {**_in_ms("itl", gaps), "itl_max_ms": quantile(gaps, 1.0)}
