"""The tokens of a request, as they are billed elsewhere."""

from typing import Any

from app.tasks.generation_schema import Generation, GenerationPiece


class TokenCount:
    """Of all answers so far; `n` of them are to each prompt, one after another."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._latest: dict[int, GenerationPiece | Generation] = {}

    def count(self, item: int, latest: GenerationPiece | Generation) -> None:
        self._latest[item] = latest

    def told(self) -> dict[str, Any]:
        """A prompt counts once, however many answers it has; what they share is not known from earlier requests."""
        prompts: dict[int, int] = {}
        cached: dict[int, int] = {}
        for item, latest in self._latest.items():
            at = item // self._n
            prompts[at] = latest.prompt_tokens
            cached[at] = min(latest.cached_tokens, cached.get(at, latest.cached_tokens))
        prompt, written = sum(prompts.values()), sum(one.generated_tokens for one in self._latest.values())
        return {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "total_tokens": prompt + written,
            "prompt_tokens_details": {"cached_tokens": sum(cached.values())},
        }
