"""The settings of every peer, by the environment that servers.py gives it. Needs nothing of our service."""

import os

from graph import ImageGraph, TextGraph

KIND = os.environ["BENCH_KIND"]  # text or image
PORT = int(os.environ["BENCH_PORT"])
BATCH_SIZE = int(os.environ["BENCH_BATCH_SIZE"])  # 1: without batching
BATCH_WAIT_S = 0.002
WORKERS = int(os.environ["BENCH_WORKERS"])
DEADLINE_MS = int(os.environ["BENCH_DEADLINE_MS"])  # after which an answer is of no use


def load_graph() -> TextGraph | ImageGraph:
    if KIND == "image":
        return ImageGraph(os.environ["BENCH_GRAPH"])
    return TextGraph(os.environ["BENCH_GRAPH"], os.environ["BENCH_TOKENIZER"], int(os.environ["BENCH_MAX_TOKENS"]))
