"""Plain FastAPI: one inference for each request, in the thread pool. Started by uvicorn."""

from fastapi import FastAPI, Request, UploadFile
from pydantic import BaseModel
from settings import load_graph
from starlette.concurrency import run_in_threadpool

app = FastAPI()
model = load_graph()


class Query(BaseModel):
    inputs: str


@app.post("/text")
def text(query: Query):
    return model.answer(query.inputs)


@app.post("/image")
async def image(request: Request):
    return await run_in_threadpool(model.answer, await request.body())


@app.post("/upload")
def upload(image: UploadFile):
    return model.answer(image.file.read())
