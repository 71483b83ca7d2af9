"""BentoML: adaptive batching, or with BENCH_BATCH_SIZE=1 none. Started by bentoml serve."""

from pathlib import Path

import bentoml
from settings import BATCH_SIZE, DEADLINE_MS, WORKERS, load_graph


@bentoml.service(
    workers=WORKERS,
    traffic={"timeout": 60},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
class Runner:
    def __init__(self) -> None:
        self.graph = load_graph()

    if BATCH_SIZE == 1:

        @bentoml.api
        def text(self, inputs: str) -> list[dict]:
            return self.graph.answer(inputs)

        @bentoml.api
        def image(self, image: Path) -> list[dict]:
            return self.graph.answer(image.read_bytes())

    else:

        @bentoml.api(batchable=True, max_batch_size=BATCH_SIZE, max_latency_ms=DEADLINE_MS)
        def text(self, inputs: list[str]) -> list[list[dict]]:
            return self.graph.run([self.graph.prepare(one) for one in inputs])

        @bentoml.api(batchable=True, max_batch_size=BATCH_SIZE, max_latency_ms=DEADLINE_MS)
        def image(self, image: list[Path]) -> list[list[dict]]:
            return self.graph.run([self.graph.prepare(path.read_bytes()) for path in image])
