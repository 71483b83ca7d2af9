"""Ray Serve: a deployment with serve.batch, or with BENCH_BATCH_SIZE=1 without."""

import ray
from fastapi import FastAPI, Request
from pydantic import BaseModel
from ray import serve
from settings import BATCH_SIZE, BATCH_WAIT_S, DEADLINE_MS, PORT, WORKERS, load_graph
from starlette.concurrency import run_in_threadpool

app = FastAPI()


class Query(BaseModel):
    inputs: str


@serve.deployment(
    num_replicas=WORKERS,
    max_ongoing_requests=256,
    ray_actor_options={"num_cpus": 0},
    logging_config={"enable_access_log": False},
)
@serve.ingress(app)
class Deployment:
    def __init__(self):
        self.graph = load_graph()

    @serve.batch(max_batch_size=BATCH_SIZE, batch_wait_timeout_s=BATCH_WAIT_S)
    async def run(self, prepared):
        return self.graph.run(prepared)

    async def answer(self, given):
        if BATCH_SIZE == 1:
            return await run_in_threadpool(self.graph.answer, given)
        return await self.run(self.graph.prepare(given))

    @app.post("/text")
    async def text(self, query: Query):
        return await self.answer(query.inputs)

    @app.post("/image")
    async def image(self, request: Request):
        return await self.answer(await request.body())


if __name__ == "__main__":
    ray.init(num_cpus=WORKERS, include_dashboard=False)
    serve.start(http_options={"host": "127.0.0.1", "port": PORT, "request_timeout_s": DEADLINE_MS / 1000})
    serve.run(Deployment.bind(), blocking=True)
