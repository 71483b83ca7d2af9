"""Token ids in, token ids out: all that a scheduler of generation knows of an answer. Knows no text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from app.tensors import EncoderInput

Logits = npt.NDArray[np.float32]

Finish = Literal["", "stop", "length"]
"""Why an answer is over: its model ended it, or it has all the tokens that it may have; empty while it is not."""


class Constraint(Protocol):
    """Tokens that a grammar allows next. One is made for each answer, and one thread at a time uses it."""

    def forbid(self, logits: Logits) -> None:
        """Set the logits [vocabulary] of all that may not come next to minus infinity, in place.

        What ends an answer may come only where the grammar is complete.
        """
        ...

    def accept(self, token: int) -> None:
        """Go on from a token that was chosen."""
        ...


@dataclass(frozen=True, slots=True)
class Sampling:
    """The choice of the next token from logits. The names are those of vLLM and the transformers library.

    The order is: penalties, `logit_bias`, what may not come (ends before `min_new_tokens`, a grammar), then
    `temperature`, `top_k`, `min_p`, `top_p`, and one draw. Log-probabilities are those of the logits as they came.
    """

    temperature: float = 0.0
    """0: always the likeliest token, and of equals the one with the lowest id."""
    top_k: int = 0
    """Of the likeliest tokens, how many may be drawn; 0 for all."""
    top_p: float = 1.0
    """The likeliest may be drawn that together reach this share of the probability (Holtzman et al., 2020)."""
    min_p: float = 0.0
    """Tokens may be drawn whose probability is at least this share of the likeliest one's (Nguyen et al., 2024)."""
    repetition_penalty: float = 1.0
    """Divides positive logits of tokens that were generated, multiplies negative ones (Keskar et al., 2019)."""
    frequency_penalty: float = 0.0
    """Is taken off the logit of a token for each time that it was generated."""
    presence_penalty: float = 0.0
    """Is taken off the logit of a token that was generated at all."""
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    """Is added to the logits of these token ids."""
    seed: int | None = None
    """Of a generator of random numbers that this answer alone uses; None draws one."""
    num_logprobs: int | None = None
    """The number of likeliest tokens that are told beside each chosen one; None tells no log-probability at all."""
    logprob_token_ids: tuple[int, ...] = ()
    """Tokens that are told beside each chosen one, after the likeliest, if log-probabilities are told."""


GREEDY = Sampling()


@dataclass(frozen=True, slots=True)
class Beams:
    """The search for the likeliest answer as a whole; 1 is none. The names are those of the transformers library.

    `early_stopping`: True ends it with as many whole answers as there are beams, False when no other seems to become
    better by its score at this length, "never" when none can, if all became as long as they may.
    """

    number: int = 1
    length_penalty: float = 1.0
    """The log-probability of an answer is divided by its length to this power: above 0, longer ones gain."""
    early_stopping: bool | Literal["never"] = False


NO_BEAMS = Beams()


@dataclass(frozen=True, slots=True)
class Prompt:
    """The tokens that one answer is generated from, and when it is over."""

    ids: tuple[int, ...]
    max_new_tokens: int
    end_ids: frozenset[int] = frozenset()
    """Tokens that end the answer. They count, and are told like all others."""
    min_new_tokens: int = 0
    """None of `end_ids` is chosen before so many tokens."""
    sampling: Sampling = GREEDY
    constraint: Callable[[], Constraint] | None = None
    """Makes the constraint of this answer."""
    source: EncoderInput | None = None
    """An encoder reads it before `ids`, for a model that has one: the answer is made of it."""
    beams: Beams = NO_BEAMS
    """With more than one, of `sampling` only `logit_bias` is heeded, and a `constraint` must be one to copy."""

    def __post_init__(self) -> None:
        if self.beams.number < 1:
            raise ValueError("beams are 1 or more")
        if self.beams.number > 1 and self.sampling != Sampling(logit_bias=self.sampling.logit_bias):
            raise ValueError("what is searched for is not drawn, nor penalised: of sampling, there may be logit_bias")

    @property
    def source_length(self) -> int:
        return self.source.length if self.source else 0


class Token(NamedTuple):
    """A token that was chosen. `logprob` and `top`, pairs of id and log-probability, likeliest first, if asked for.

    After the likeliest stand those of `logprob_token_ids`.
    """

    id: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class Progress(NamedTuple):
    """Tokens of one answer that are new, in order.

    `cached_tokens` of its prompt were known from an earlier one. `queue_s` is what it waited until its prompt began to
    be read, `first_s` what passed until its first token: both seconds since it was submitted.
    """

    tokens: tuple[Token, ...]
    finish: Finish = ""
    cached_tokens: int = 0
    queue_s: float = 0.0
    first_s: float = 0.0
