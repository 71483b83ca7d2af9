"""Beam search: of all ways to go on, those few that are likeliest as a whole. Knows logits; schedules nothing.

It finds what `generate(num_beams=…)` of the transformers library finds (version 5, by the same rules): candidates are
twice as many as beams, a way that ended counts by its log-probability over its length to the power of a penalty, and
`Beams.early_stopping` says when no better one is hoped for.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.errors import InferenceFailed
from app.generation.drawing import likeliest
from app.generation.prompt import Constraint, Logits, Prompt


class Branch(NamedTuple):
    """A step of a search: the beam in each row goes on from the beam that was in the row of its parent, with a token.

    Of the beams that go on from one, the first stays in its row. So rows are copied only to rows that nobody goes on
    from, in any order. `answer` are the tokens of the best way, once the search is over.
    """

    parents: tuple[int, ...]
    ids: tuple[int, ...]
    answer: tuple[int, ...] = ()


class Search:
    """The search of one answer. One thread at a time uses it. `num_tokens` counts the steps, each a token of a beam."""

    def __init__(self, prompt: Prompt) -> None:
        self.num_tokens = 0
        self._prompt, self._beams = prompt, prompt.beams
        self._end_ids = np.array(sorted(prompt.end_ids), np.int64)
        # Were all ends among the likeliest, there would still be enough to go on with.
        self._num_candidates = max(2, 1 + len(prompt.end_ids)) * prompt.beams.number
        # Of an answer to a source all tokens but the first count, such as that of a language.
        self._num_begun = len(prompt.ids) - 1 if prompt.source else 0
        self._ids: list[tuple[int, ...]] = [()]
        self._scores = np.zeros(1, np.float32)
        self._biased_ids = np.array(list(prompt.sampling.logit_bias), np.int64)
        self._biases = np.array(list(prompt.sampling.logit_bias.values()), np.float32)
        self._constraints: list[Constraint] = []
        """One for each beam, if there are any."""
        self._ended: list[tuple[float, tuple[int, ...]]] = []
        """The best ways that came to an end, with their scores, best first; no more than there are beams."""

    def choose(self, *logits: Logits) -> Branch:
        """Return how to go on, by the `logits` [vocabulary] of each beam, which stay as they are.

        At first there is one row, that of the prompt. Raises InferenceFailed if the likeliest logit of a row is not a
        finite number, or if fewer tokens may come next than there are beams, and what a constraint raises. After an
        error, this answer cannot go on.
        """
        if not self.num_tokens and self._prompt.constraint:
            self._constraints = [self._prompt.constraint()]
        sums = self._scores[:, None] + self._allowed(_log_probabilities(np.stack(logits)))
        found = likeliest(sums.ravel(), self._num_candidates)
        parents, ids = np.divmod(found, sums.shape[1])
        scores = sums.ravel()[found]
        self.num_tokens += 1
        ends = np.isin(ids, self._end_ids) | (self.num_tokens == self._prompt.max_new_tokens)
        ways = [(*self._ids[parent], int(id)) for parent, id in zip(parents, ids, strict=True)]
        self._end(ways, scores, ends)
        going = np.flatnonzero(~ends)[: self._beams.number]
        if self._ended and not (going.size and self._may_improve(scores[going[0]])):
            return Branch((), (), self._ended[0][1])
        if going.size < self._beams.number:
            raise InferenceFailed("fewer tokens may come next than there are beams")
        going = going[_placed(parents[going].tolist())]
        self._ids, self._scores = [ways[at] for at in going], scores[going]
        if self._constraints:
            self._constraints = [deepcopy(self._constraints[parent]) for parent in parents[going]]
            for constraint, id in zip(self._constraints, ids[going], strict=True):
                constraint.accept(int(id))
        return Branch(tuple(parents[going].tolist()), tuple(ids[going].tolist()))

    def _allowed(self, logs: Logits) -> Logits:
        """Log-probabilities [rows, vocabulary] after biases and what is forbidden, in place."""
        logs[:, self._biased_ids] += self._biases
        if self.num_tokens < self._prompt.min_new_tokens:
            logs[:, self._end_ids] = -np.inf
        for constraint, row in zip(self._constraints, logs, strict=bool(self._constraints)):
            constraint.forbid(row)
        return logs

    def _end(
        self, ways: Sequence[tuple[int, ...]], scores: npt.NDArray[np.float32], ends: npt.NDArray[np.bool]
    ) -> None:
        """Keep what came to its end, if it is among as many candidates as there are beams: the others are a reserve."""
        number = self._beams.number
        length = self._counted(self.num_tokens)
        new = [(float(scores[at] / length), ways[at]) for at in np.flatnonzero(ends[:number]).tolist()]
        self._ended = sorted([*self._ended, *new], key=lambda one: -one[0])[:number]

    def _may_improve(self, best: np.float32) -> bool:
        """Whether a way that goes on may become better than one that ended; `best` is the score of the likeliest."""
        if len(self._ended) < self._beams.number:
            return True
        if self._beams.early_stopping is True:
            return False
        hopes_for_length = self._beams.early_stopping == "never" and self._beams.length_penalty > 0
        length = self._prompt.max_new_tokens if hopes_for_length else self.num_tokens
        return bool(best / self._counted(length) > self._ended[-1][0])

    def _counted(self, num_tokens: int) -> np.float32:
        return np.float32((num_tokens + self._num_begun) ** self._beams.length_penalty)


def _log_probabilities(logits: Logits) -> Logits:
    """Of `logits` [rows, vocabulary]."""
    largest = logits.max(axis=1, keepdims=True)
    if not np.isfinite(largest).all():
        raise InferenceFailed("the model gave no finite logits")
    with np.errstate(over="ignore"):
        shifted = logits - largest
    sums = np.exp(shifted).sum(axis=1, keepdims=True, dtype=np.float64)
    logs: Logits = shifted - np.log(sums).astype(np.float32)
    return logs


def _placed(parents: Sequence[int]) -> list[int]:
    """Return which of the beams that go on lies in each row, so that the first of each parent stays in its row."""
    stays = {parent: at for at, parent in reversed([*enumerate(parents)])}
    others = iter([at for at, parent in enumerate(parents) if stays[parent] != at])
    return [stays[row] if row in stays else next(others) for row in range(len(parents))]
