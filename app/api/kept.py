"""A share of the answers is kept, so that what people say of an answer by its request can be told from what it was."""

import asyncio
import json
import logging
import time
from collections.abc import Iterable
from random import Random
from typing import Any, Literal

from pydantic import BaseModel

from app.api.http.aside import Aside
from app.events.masking import masked
from app.events.rows import StoredAnswer
from app.events.store import EventStore
from app.serving.engine import Ask, Prediction
from app.tasks.contract import Contract

log = logging.getLogger(__name__)

Keeps = Literal["masked", "outputs", "whole"]
MOST_CHARACTERS = 50_000  # of JSON, of all inputs or all outputs of an answer; larger ones are left out
MOST_BYTES = 4 * MOST_CHARACTERS  # of the same in UTF-8, after which nothing more of it is looked at
MOST_WAITING = 100  # answers that are about to be written as JSON, each with all that was asked; others are dropped


class KeptAnswers:
    """Keeps about `share` of the answers: all of them as they are, or masked, or the masked outputs alone.

    Files, such as pictures, are never kept, nor answers that come piece by piece, nor those to several users at a time.
    """

    def __init__(self, events: EventStore, share: float, keeps: Keeps) -> None:
        self._events = events
        self._share = share
        self._keeps = keeps
        self._random = Random()
        self._tasks: set[asyncio.Task[None]] = set()

    def answered(self, asked: Ask, contract: Contract | None, prediction: Prediction, aside: Aside) -> None:
        """Keep an answer, or not; what that takes happens on a thread, later."""
        if self._random.random() < self._share:
            if len(self._tasks) == MOST_WAITING:
                self._events.drop_answer()
                return
            task = asyncio.create_task(self._keep(asked, contract, prediction, aside))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _keep(self, asked: Ask, contract: Contract | None, prediction: Prediction, aside: Aside) -> None:
        if contract is None:  # tensors, which nobody reads
            return
        users = {getattr(item, "user", None) or "" for item in asked.items}
        if len(users) > 1:  # one of them could not be forgotten without the others
            return
        try:
            inputs, outputs = await aside.make(lambda: self._told(asked, contract, prediction), is_quick=False)
        except Exception:  # nobody awaits this task
            log.exception("the answer to request %s is not kept", asked.request_id)
            return
        self._events.keep_answer(
            StoredAnswer(
                asked.request_id,
                time.time_ns() // 1000,
                self._events.person(users.pop()),
                prediction.model,
                prediction.version,
                asked.view,
                inputs,
                outputs,
            )
        )

    def _told(self, asked: Ask, contract: Contract, prediction: Prediction) -> tuple[str, str]:
        outputs = self._written(b"".join(contract.written(output)) for output in prediction.outputs)
        keeps_inputs = self._keeps != "outputs" and contract.binary_field is None
        return self._written(map(_plain, asked.items)) if keeps_inputs else "", outputs

    def _written(self, texts: Iterable[bytes | str]) -> str:
        """Return values, of each of which there is JSON, as a list."""
        values, left = [], MOST_BYTES
        for text in texts:
            left -= len(text)
            if left < 0:
                return ""
            values.append(json.loads(text))
        written = json.dumps(values, ensure_ascii=False)
        if len(written) > MOST_CHARACTERS:
            return ""
        return written if self._keeps == "whole" else json.dumps(masked(values), ensure_ascii=False)


def kept_answers(events: EventStore | None, share: float, keeps: Keeps) -> KeptAnswers | None:
    """Return what keeps the answers, if any are to be kept. Raises ValueError where there is no room for them."""
    if not share:
        return None
    if events is None:
        raise ValueError("log_answers: answers are kept where events are, and database_url is off")
    return KeptAnswers(events, share, keeps)


def _plain(item: Any) -> str:
    """Return an item as JSON, without its user: he is stored as people are."""
    if isinstance(item, BaseModel):
        return item.model_dump_json(exclude={"user"}, exclude_unset=True)
    return json.dumps(str(item), ensure_ascii=False)
