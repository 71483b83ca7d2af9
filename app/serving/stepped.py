"""The common part of versions that answer token by token: a stepper, and what it tells the metrics."""

from collections.abc import Mapping
from functools import partial
from typing import Self

from app.serving.asked_once import AnswerCache
from app.serving.items import Pools
from app.serving.loading import Loaded, restore, warm_up
from app.serving.scheduled import ScheduledModel
from app.serving.stepper import Stepper
from app.telemetry import ModelObserver
from app.telemetry.generation import GenerationObserver


class SteppedModel(ScheduledModel):
    """A version whose scheduler steps through its answers with a decoder."""

    def __init__(
        self,
        loaded: Loaded,
        pools: Pools,
        *,
        max_queue_size: int,
        max_pixels: int,
        observer: ModelObserver,
        card: Mapping[str, bytes],
        cache: AnswerCache | None = None,
    ) -> None:
        stepping = loaded.stepping
        assert stepping is not None
        self._metrics = GenerationObserver(observer.telemetry.generation, observer.model, observer.version)
        self.stepper = Stepper(
            lambda: stepping.decoder,
            cost=stepping.cost,
            most_rows=stepping.most_rows,
            most_tokens=stepping.most_tokens,
            max_queue_size=max_queue_size,
            observer=self._metrics,
            refused=observer.refused,
            died=observer.worker_died,
            check=partial(warm_up, loaded),
            restore=partial(restore, loaded),
            name=loaded.name,
        )
        super().__init__(
            loaded,
            loaded.views,
            self.stepper,
            pools,
            max_queue_size=max_queue_size,
            max_pixels=max_pixels,
            observer=observer,
            card=card,
            cache=cache,
        )

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        stepper = self.stepper
        self._metrics.watch(lambda: stepper.num_in_flight, lambda: stepper.known_tokens)
        self._stack.callback(self._metrics.unload)
        return self
