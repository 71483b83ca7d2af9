"""LitServe with dynamic batching around transformers' pipeline."""

import os

import litserve as ls
from transformers import pipeline

BATCH_SIZE = int(os.environ["BENCH_BATCH_SIZE"])
BATCH_WAIT_S = 0.002


class Classifier(ls.LitAPI):
    def setup(self, device):
        self.classify = pipeline("text-classification", model=os.environ["BENCH_MODEL"], top_k=None)

    def decode_request(self, request):
        return request["inputs"]

    def batch(self, inputs):
        return inputs

    def predict(self, texts):
        return self.classify(texts, batch_size=BATCH_SIZE, truncation=True)

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return output


if __name__ == "__main__":
    api = Classifier(max_batch_size=BATCH_SIZE, batch_timeout=BATCH_WAIT_S)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=60)
    server.run(port=int(os.environ["BENCH_PORT"]), generate_client_file=False, log_level="warning")
