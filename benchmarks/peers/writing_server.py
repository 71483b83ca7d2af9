"""Plain FastAPI with `POST /v1/completions`, for libraries that write text and have no server of their own."""

import asyncio
import json
import os
import queue
import threading
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

HUB = Path(os.environ["BENCH_HUB"])  # the model in fp32, as the hub has it
MODELS = Path(os.environ["BENCH_MODELS"])  # where it lies in other forms
GGUF = Path(os.environ["BENCH_GGUF"])
ROWS = int(os.environ["BENCH_ROWS"])  # answers at once
CONTEXT = int(os.environ["BENCH_CONTEXT"])  # tokens of a prompt with its answer
GATHER_S = 0.01  # a static batch waits so long for others to come


class Query(BaseModel):
    model: str
    prompt: list[int]
    max_tokens: int


class Job:
    """An answer that is written. The writing thread calls `give`; `is_gone`: nobody reads it any more."""

    def __init__(self, query):
        self.ids, self.answer = query.prompt, query.max_tokens
        self.written = 0
        self.is_gone = False
        self._loop = asyncio.get_running_loop()
        self._queue = asyncio.Queue()

    @property
    def is_over(self):
        return self.is_gone or self.written >= self.answer

    def give(self, token):
        self.written += 1
        self._loop.call_soon_threadsafe(self._queue.put_nowait, token)

    async def tokens(self):
        try:
            for _ in range(self.answer):
                yield await self._queue.get()
        finally:
            self.is_gone = True


def serve(write):
    """Serve until the process ends. `write(jobs)` runs in a thread of its own and takes Jobs out of that queue."""
    tokenizer = Tokenizer.from_file(str(HUB / "tokenizer.json"))
    jobs = queue.Queue()
    app = FastAPI()

    def run():
        try:
            write(jobs)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)

    async def events(job):
        stream = DecodeStream(skip_special_tokens=True)
        number = 0
        async for token in job.tokens():
            number += 1
            if text := stream.step(tokenizer, token):
                yield event({"choices": [{"index": 0, "text": text, "finish_reason": None}]})
        usage = {"prompt_tokens": len(job.ids), "completion_tokens": number}
        yield event({"choices": [{"index": 0, "text": "", "finish_reason": "length"}], "usage": usage})
        yield b"data: [DONE]\n\n"

    @app.post("/v1/completions")
    async def complete(query: Query):
        job = Job(query)
        jobs.put(job)
        return StreamingResponse(events(job), media_type="text/event-stream")

    threading.Thread(target=run, daemon=True).start()
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["BENCH_PORT"]), log_level="warning")


def event(content):
    return b"data: %b\n\n" % json.dumps(content).encode()


def static_batch(jobs):
    """The first job, and those that come within GATHER_S, up to ROWS together."""
    batch = [jobs.get()]
    while len(batch) < ROWS:
        try:
            batch.append(jobs.get(timeout=GATHER_S))
        except queue.Empty:
            break
    return batch
