"""LitServe: dynamic batching, or with BENCH_BATCH_SIZE=1 its default of none."""

import litserve as ls
from settings import BATCH_SIZE, BATCH_WAIT_S, DEADLINE_MS, KIND, PORT, WORKERS, load_graph


class Single(ls.LitAPI):
    def setup(self, device):
        self.graph = load_graph()

    def decode_request(self, request):
        return self.graph.prepare(request["inputs"] if KIND == "text" else request["image"].file.read())

    def predict(self, prepared):
        return self.graph.run([prepared])[0]

    def encode_response(self, output):
        return output


class Batched(Single):
    def batch(self, inputs):
        return inputs

    def predict(self, prepared):
        return self.graph.run(prepared)

    def unbatch(self, output):
        return output


if __name__ == "__main__":
    api = Single() if BATCH_SIZE == 1 else Batched(max_batch_size=BATCH_SIZE, batch_timeout=BATCH_WAIT_S)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=WORKERS, timeout=DEADLINE_MS / 1000)
    server.run(port=PORT, generate_client_file=False, log_level="warning")
