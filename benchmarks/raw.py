"""The graphs alone in a loop, without any server: what a server could reach at most if it cost nothing.

    python -m benchmarks.raw MODEL [--quick]

Prints for each loop the rows a second, as JSON. Texts are tokenized before, photos are decoded only where it says so.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.graphs import GRAPHS, SHORT_TEXT, Graph, photo, texts
from benchmarks.peers.graph import ImageGraph, TextGraph, open_session, padded

Batch = dict[str, Any]
SHORT_SIZES = (1, 2, 4, 8, 16, 32)
SORTED_SIZES = (1, 2, 4, 8, 16)
PHOTO_SIZES = (1, 2, 4, 8)
ARRIVAL_SIZE = 16


class Loop:
    """`graph` with one thread."""

    def __init__(self, graph: Graph, seconds: float = 2.0, num_texts: int = 150) -> None:
        self._session = open_session(str(graph.file))
        self._graph, self._seconds, self._num_texts = graph, seconds, num_texts

    def measure(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Figures by scenario."""
        if self._graph.kind == "image":
            return {"photo": self._photos()}
        return {"short": self._short(), "mixed": self._mixed()}

    def _short(self) -> dict[str, dict[str, Any]]:
        tokens = _text_graph(self._graph).prepare(SHORT_TEXT)
        found = {size: self._repeated(padded([tokens] * size), size) for size in SHORT_SIZES}
        return _with_best(found, "best batch")

    def _mixed(self) -> dict[str, dict[str, Any]]:
        rows = list(map(_text_graph(self._graph).prepare, texts()))
        by_length = sorted(rows, key=len)
        found = {size: self._batches(by_length, size) for size in SORTED_SIZES}
        return {
            **_with_best(found, "sorted by length"),
            f"arrival order, batch {ARRIVAL_SIZE}": self._batches(rows, ARRIVAL_SIZE),
        }

    def _photos(self) -> dict[str, dict[str, Any]]:
        graph, file = ImageGraph(str(self._graph.file)), photo()
        pixels = graph.prepare(file)
        found = {size: self._repeated({"image": np.stack([pixels] * size)}, size) for size in PHOTO_SIZES}
        return {**_with_best(found, "graph"), "decode and graph": self._timed(lambda: graph.answer(file), 1)}

    def _repeated(self, batch: Batch, size: int) -> dict[str, Any]:
        return self._timed(lambda: self._session.run(None, batch), size)

    def _timed(self, call: Callable[[], object], size: int) -> dict[str, Any]:
        call()
        taken: list[float] = []
        until = time.perf_counter() + self._seconds
        while not taken or time.perf_counter() < until:
            started = time.perf_counter()
            call()
            taken.append(time.perf_counter() - started)
        return {"throughput": size * len(taken) / sum(taken), "p50_ms": 1000 * float(np.median(taken))}

    def _batches(self, rows: Sequence[list[int]], size: int) -> dict[str, Any]:
        """Evenly chosen batches of `rows` in their order, about `num_texts` rows in all."""
        every = [padded(rows[start : start + size]) for start in range(0, len(rows), size)]
        step = max(1, len(rows) // self._num_texts)
        chosen = every[step // 2 :: step]
        self._session.run(None, chosen[0])
        started = time.perf_counter()
        for batch in chosen:
            self._session.run(None, batch)
        return {"throughput": sum(len(batch["input_ids"]) for batch in chosen) / (time.perf_counter() - started)}


def _text_graph(graph: Graph) -> TextGraph:
    return TextGraph(str(graph.file), str(graph.tokenizer), graph.max_tokens)


def _with_best(by_size: dict[int, dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    best = max(by_size, key=lambda size: by_size[size]["throughput"])
    return {name: {**by_size[best], "batch_size": best}, **{f"batch {size}": found for size, found in by_size.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.raw", description=__doc__)
    parser.add_argument("model", choices=[graph.model for graph in GRAPHS])
    parser.add_argument("--quick", action="store_true", help="half a second for each loop")
    chosen = parser.parse_args()
    graph = next(graph for graph in GRAPHS if graph.model == chosen.model)
    loop = Loop(graph, 0.5, 75) if chosen.quick else Loop(graph)
    print(json.dumps(loop.measure()))


if __name__ == "__main__":
    main()
