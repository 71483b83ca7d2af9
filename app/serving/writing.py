"""One answer that is being generated: where it is, what it has so far, and whoever waits for it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from app.errors import ServiceError
from app.generation.beams import Branch, Search
from app.generation.prompt import Finish, Progress, Prompt, Token
from app.generation.sampling import Chooser, chooser_of
from app.serving.scheduler import Turn
from app.serving.shares import Share

NOWHERE = -1
MOST_FAILURES = 2  # passes with an answer that hang or kill the thread, until it is taken for the cause


@dataclass(slots=True, eq=False)
class Beam:
    """A further row of an answer that is searched for: it has read as much as the first one, which is the answer."""

    writing: "Writing"
    slot: int = NOWHERE
    ids: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Writing:
    """The answer to one prompt. It waits, then its prompt is read in chunks, then it gets a token in each pass.

    It is a row of the decoder's steps, and has others if it is searched for: `beams`, once its prompt was read. `turn`
    orders what waits of one caller; times are of `perf_counter`. `chooser` belongs to the thread that runs the passes,
    all else to the event loop.
    """

    prompt: Prompt
    terms: Turn
    share: Share
    turn: float
    chooser: Chooser | Search
    submitted: float = field(default_factory=perf_counter)
    begun: float = 0.0
    first: float = 0.0
    ticket: int = 0
    slot: int = NOWHERE
    ids: list[int] = field(default_factory=list)
    """Of the prompt, and of the answer so far."""
    known: int = 0
    """The number of them that the decoder has read: their keys and values lie in the slot."""
    cached: int = 0
    """The number of the prompt's that were known from earlier prompts."""
    failures: int = 0
    cost_s: float = 0.0
    """Seconds of the decoder that it should take, as they were counted when it began."""
    taken_s: float = 0.0
    """Those that it has taken."""
    finish: Finish = ""
    error: ServiceError | None = None
    is_abandoned: bool = False
    """Nobody waits for it any more."""
    num_rows: int = 1
    beams: list[Beam] = field(default_factory=list)
    request: Sequence["Writing"] = ()
    """All that were asked for with it: when one fails, all do."""
    _fresh: list[Token] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.ids = list(self.prompt.ids)
        self.num_rows = self.prompt.beams.number

    @property
    def is_over(self) -> bool:
        return bool(self.finish) or self.error is not None or self.is_abandoned

    @property
    def rows(self) -> Sequence["Writing | Beam"]:
        return (self, *self.beams)

    @property
    def num_new(self) -> int:
        return len(self.ids) - len(self.prompt.ids)

    @property
    def unread(self) -> int:
        """The number of tokens that the decoder must read for the next one."""
        return len(self.ids) - self.known

    @property
    def to_read(self) -> int:
        """The same, with those of its source."""
        return self.unread + (0 if self.known else self.prompt.source_length)

    @property
    def is_reading(self) -> bool:
        """Whether its prompt is being read; then all of it is read before the next token."""
        return self.num_new == 0 or self.unread > 1

    @property
    def phase(self) -> str:
        return "queue" if not self.begun else "read" if self.is_reading else "write"

    @property
    def reserved(self) -> int:
        """The tokens for which it may need room."""
        return self.num_rows * (self.prompt.source_length + len(self.prompt.ids) + self.prompt.max_new_tokens)

    def add(self, found: Token | Branch) -> bool:
        """Take the next token, unless the answer is over, and return whether something is told for the first time.

        Of a search nothing is told before all of it is.
        """
        if self.is_over:
            return False
        if isinstance(found, Token):
            self.ids.append(found.id)
            self._fresh.append(found)
        elif found.answer:
            self._fresh += map(Token, found.answer)
        else:
            ids = [[*self.rows[parent].ids, id] for parent, id in zip(found.parents, found.ids, strict=True)]
            for row, own in zip(self.rows, ids, strict=True):
                row.ids = own
            return False
        is_first = not self.first
        self.first = self.first or perf_counter()
        if self._fresh[-1].id in self.prompt.end_ids:
            self.finish = "stop"
        elif self.num_rows > 1 or self.num_new >= self.prompt.max_new_tokens:
            self.finish = "length"
        self._news.set()
        return is_first

    def begin_again(self) -> None:
        """Nothing that was read of it is known any more. A search has told nothing, and begins with its prompt."""
        self.slot, self.known, self.cached = NOWHERE, 0, 0
        if self.num_rows > 1:
            self.beams.clear()
            self.ids, self.chooser = list(self.prompt.ids), chooser_of(self.prompt)

    def fail(self, error: ServiceError) -> None:
        """End it, and all that were asked for with it."""
        for one in self.request or (self,):
            one.end(error)

    async def progress(self) -> Progress:
        """The tokens that are new. Raises the error of an answer that failed, once what came before it was taken."""
        await self._news.wait()
        self._news.clear()
        if self.error is not None and not self._fresh:
            raise self.error
        fresh, self._fresh = tuple(self._fresh), []
        if self.error is not None:
            self._news.set()
        return Progress(fresh, self.finish, self.cached, self.begun - self.submitted, self.first - self.submitted)

    async def whole(self) -> Progress:
        """All tokens, once they are there. Raises what `progress` raises."""
        tokens: list[Token] = []
        while not (progress := await self.progress()).finish:
            tokens += progress.tokens
        return progress._replace(tokens=(*tokens, *progress.tokens))

    def suspect(self, error: ServiceError) -> None:
        """A pass with it hung, or killed the thread."""
        self.failures += 1
        if self.failures >= MOST_FAILURES:
            self.fail(error)

    def end(self, error: ServiceError) -> None:
        if not self.is_over:
            self.error = error
            self._news.set()
