"""mosec: one stage of workers with dynamic batching, or with BENCH_BATCH_SIZE=1 without."""

from mosec import Server, Worker
from settings import BATCH_SIZE, BATCH_WAIT_S, KIND, WORKERS, load_graph


class Inference(Worker):
    def __init__(self):
        self.graph = load_graph()

    def deserialize(self, body):
        return super().deserialize(body)["inputs"] if KIND == "text" else bytes(body)

    def forward(self, given):
        if BATCH_SIZE == 1:
            return self.graph.answer(given)
        return self.graph.run([self.graph.prepare(one) for one in given])


if __name__ == "__main__":
    server = Server()
    server.append_worker(Inference, num=WORKERS, max_batch_size=BATCH_SIZE, max_wait_time=round(BATCH_WAIT_S * 1000))
    server.run()
