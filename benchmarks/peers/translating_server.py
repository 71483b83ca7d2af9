"""Plain FastAPI with `POST /translate`, for libraries that translate batches and have no server of their own."""

import asyncio
import os
import queue
import threading
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from tokenizers import Tokenizer

MODEL = Path(os.environ["BENCH_MODEL"])
TOKENIZER = Path(os.environ["BENCH_TOKENIZER"])
PRECISION = os.environ["BENCH_PRECISION"]
WORKERS = int(os.environ["BENCH_WORKERS"])  # batches at a time
THREADS = int(os.environ["BENCH_THREADS"])  # of each
ROWS = int(os.environ["BENCH_ROWS"])  # sentences of a batch
GATHER_S = 0.005  # a batch waits so long for others to come


class Query(BaseModel):
    inputs: list[str]


def serve(load):
    """Serve until the process ends. `load()` gives what turns a list of texts into the list of their translations."""
    jobs = queue.Queue()
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    translate = load(tokenizer)
    app = FastAPI()

    def run():
        while True:
            batch = static_batch(jobs)
            try:
                texts = translate([text for text, _, _ in batch])
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
            for (_, future, loop), text in zip(batch, texts, strict=True):
                loop.call_soon_threadsafe(future.set_result, text)

    @app.post("/translate")
    async def answer(query: Query):
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in query.inputs]
        for text, future in zip(query.inputs, futures, strict=True):
            jobs.put((text, future, loop))
        return {"outputs": await asyncio.gather(*futures)}

    for _ in range(WORKERS):
        threading.Thread(target=run, daemon=True).start()
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), log_level="warning")


def static_batch(jobs):
    """The first job, and those that come within GATHER_S of the one before, up to ROWS together."""
    batch = [jobs.get()]
    while len(batch) < ROWS:
        try:
            batch.append(jobs.get(timeout=GATHER_S))
        except queue.Empty:
            break
    return batch
