"""transformers' pipeline behind FastAPI, as people write it; with BENCH_LOCK, one call at a time."""

import os
from contextlib import nullcontext
from threading import Lock

from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline

app = FastAPI()
classify = pipeline("text-classification", model=os.environ["BENCH_MODEL"], top_k=None)
turn = Lock() if os.environ.get("BENCH_LOCK") else nullcontext()


class Query(BaseModel):
    inputs: str


@app.post("/classify")
def label(query: Query):
    with turn:
        return classify([query.inputs], truncation=True)[0]
