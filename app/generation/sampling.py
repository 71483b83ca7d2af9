"""The next token of each answer, from the logits of a step. Knows neither graphs nor when an answer is over."""

from collections import Counter

import numpy as np

from app.errors import InferenceFailed
from app.generation.beams import Search
from app.generation.drawing import draw, likeliest
from app.generation.penalties import penalise
from app.generation.prompt import Constraint, Logits, Prompt, Token


class Chooser:
    """Chooses the tokens of one answer, one after the other. One thread at a time uses it.

    `num_tokens` counts those that it chose.
    """

    def __init__(self, prompt: Prompt) -> None:
        sampling = prompt.sampling
        # Callers may send a negative seed, and a generator takes none.
        seed = None if sampling.seed is None else sampling.seed % 2**64
        self.num_tokens = 0
        self._prompt = prompt
        self._random = np.random.Generator(np.random.PCG64(seed)) if sampling.temperature else None
        self._constraint: Constraint | None = None
        self._counts: Counter[int] = Counter()
        penalties = (sampling.repetition_penalty - 1, sampling.frequency_penalty, sampling.presence_penalty)
        self._has_penalties = any(penalties)
        self._biased_ids = np.array(list(sampling.logit_bias), np.int64)
        self._biases = np.array(list(sampling.logit_bias.values()), np.float32)
        self._end_ids = np.array(sorted(prompt.end_ids), np.int64)

    def choose(self, logits: Logits) -> Token:
        """Return the token that follows, by `logits` [vocabulary], which stay as they are.

        Raises InferenceFailed if the likeliest logit is not a finite number, or if no token may come next, and
        whatever the constraint raises. After an error, this answer cannot go on.
        """
        with np.errstate(over="ignore"):  # Logits may be as large as float32 goes; beyond it, a token is impossible.
            best = logits.argmax()
            if not np.isfinite(logits[best]):  # argmax() finds NaN, if there is one.
                raise InferenceFailed("the model gave no finite logits")
            allowed = self._allowed(logits)
            if allowed is not logits:
                best = allowed.argmax()
                if np.isneginf(allowed[best]):
                    raise InferenceFailed("no token may come next: all are forbidden")
            sampling = self._prompt.sampling
            chosen = int(best) if self._random is None else draw(allowed, sampling, self._random.random())
            token = self._told(chosen, logits)
        if self._constraint:
            self._constraint.accept(chosen)
        self._counts[chosen] += 1
        self.num_tokens += 1
        return token

    def _allowed(self, logits: Logits) -> Logits:
        """Return logits after penalties, biases and what is forbidden: a copy, unless nothing changes."""
        prompt = self._prompt
        if self._constraint is None and prompt.constraint:
            self._constraint = prompt.constraint()
        is_penalised = self._has_penalties and self.num_tokens > 0
        may_not_end = self.num_tokens < prompt.min_new_tokens and self._end_ids.size > 0
        if not (is_penalised or self._biases.size or may_not_end or self._constraint):
            return logits
        logits = logits.copy()
        if is_penalised:
            penalise(logits, self._counts, prompt.sampling)
        logits[self._biased_ids] += self._biases
        if may_not_end:
            logits[self._end_ids] = -np.inf
        if self._constraint:
            self._constraint.forbid(logits)
        return logits

    def _told(self, chosen: int, logits: Logits) -> Token:
        """Return the token with the log-probabilities that were asked for: those of the logits as they came."""
        count = self._prompt.sampling.num_logprobs
        if count is None:
            return Token(chosen)
        largest = logits.max()
        log_sum = float(largest) + float(np.log(np.exp(logits - largest).sum(dtype=np.float64)))
        told = (*likeliest(logits, count), *self._prompt.sampling.logprob_token_ids)
        top = tuple((int(id), float(logits[id]) - log_sum) for id in told)
        return Token(chosen, float(logits[chosen]) - log_sum, top)


def chooser_of(prompt: Prompt) -> Chooser | Search:
    """Return what chooses the next token of an answer, or of each beam of it."""
    return Chooser(prompt) if prompt.beams.number == 1 else Search(prompt)
