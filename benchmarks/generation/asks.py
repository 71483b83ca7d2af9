"""The prompts that are sent, and how long their answers are: drawn once, from a seed. Knows nothing of servers."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("build/bench/generation")
PROMPTS, ANSWERS = (32, 1024), (16, 256)  # tokens, both ends among them
FEW_PROMPTS, FEW_ANSWERS = (32, 256), (16, 64)  # so few that a deadline of ten seconds leaves room for a queue


@dataclass(frozen=True, slots=True)
class Ask:
    """A prompt in the model's own tokens, and how many tokens the answer has: it does not end before."""

    ids: tuple[int, ...]
    answer: int

    def body(self, model: str) -> bytes:
        """The request of `POST /v1/completions`, as vLLM's clients send it."""
        asked = {
            "model": model,
            "prompt": self.ids,
            "max_tokens": self.answer,
            "temperature": 0,
            "ignore_eos": True,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        return json.dumps(asked).encode()


class Asks:
    """Draws asks out of one long text, so that no two prompts begin alike."""

    def __init__(self, text: Sequence[int], seed: int) -> None:
        self._text = text
        self._chance = random.Random(seed)

    def mixed(self, number: int) -> list[Ask]:
        """`number` asks, whose lengths are spread evenly over the logarithm: many are short, some are long."""
        return [self.between(PROMPTS, ANSWERS) for _ in range(number)]

    def few(self, number: int) -> list[Ask]:
        return [self.between(FEW_PROMPTS, FEW_ANSWERS) for _ in range(number)]

    def of(self, prompt: int, answer: int, number: int) -> list[Ask]:
        return [self.one(prompt, answer) for _ in range(number)]

    def one(self, prompt: int, answer: int) -> Ask:
        return Ask(self.tokens(prompt), answer)

    def between(self, prompts: tuple[int, int], answers: tuple[int, int]) -> Ask:
        """An ask whose lengths, in tokens, lie between these ends."""
        return self.one(self._length(prompts), self._length(answers))

    def tokens(self, number: int) -> tuple[int, ...]:
        start = self._chance.randrange(len(self._text) - number)
        return tuple(self._text[start : start + number])

    def shares(self, share: float, number: int) -> list[bool]:
        """`number` draws that are true for exactly `share` of them."""
        true = round(share * number)
        drawn = [True] * true + [False] * (number - true)
        self._chance.shuffle(drawn)
        return drawn

    def _length(self, ends: tuple[int, int]) -> int:
        least, most = ends
        return round(float(least * (most / least) ** self._chance.random()))
