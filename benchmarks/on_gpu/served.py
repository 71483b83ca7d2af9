"""The service itself on the device, asked over HTTP for batches of photos (V2, binary), beside the raw loop."""

import http.client
import json
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from app.tensors import Array
from benchmarks.on_gpu.cells import Cell
from benchmarks.on_gpu.encoders import EncoderPart, images
from benchmarks.on_gpu.machine import NotHere, Provider, onnx_fault
from benchmarks.on_gpu.measuring import Run
from benchmarks.on_gpu.part import RAW
from benchmarks.on_gpu.sizes import Sizes
from benchmarks.processes import free_port, started
from benchmarks.ready import until_ready

OF_ONNX, OF_TORCH = "served, onnx", "served, torch"
START_S = 90.0
ANSWER_S = 60.0
CLASSES = 1000
TASK = "image-classification"


class ServedPart:
    """Each shape is a number of requests at once, on as many connections; the batch is the rows of all of them."""

    techniques = (RAW, OF_ONNX, OF_TORCH)

    def __init__(self, sizes: Sizes, provider: Provider, folder: Path) -> None:
        self.pairs = [(f"{count} at once", count * rows) for count, rows in sizes.connections]
        self._sizes, self._provider, self._folder = sizes, provider, folder
        self._graphs: EncoderPart = images(sizes, provider, folder)
        self._opened = ExitStack()
        self._service = cache(self._started)

    def prepared(self, cell: Cell) -> Run:
        if cell.technique == RAW:
            return self._graphs.prepared(cell)
        connections = int(cell.shape.split()[0])
        port = self._service(cell.technique, cell.precision)
        image: Array = self._graphs.batch(cell)["image"]
        asks = [Ask(port, part) for part in np.split(image, connections)]
        threads = self._opened.enter_context(ThreadPoolExecutor(connections))
        return lambda: np.concatenate([*threads.map(lambda ask: ask(), asks)])

    def ensure_alive(self) -> None:
        self._graphs.ensure_alive()

    def forget(self) -> None:
        self._graphs.forget()

    def close(self) -> None:
        """End the services."""
        self._opened.close()

    def _started(self, technique: str, precision: str) -> int:
        """The port of a service of this one model. Raises NotHere if it does not compute on the device."""
        files = {"labels.json": self._labels()}
        if technique == OF_ONNX:
            if fault := onnx_fault(self._provider):
                raise NotHere(fault)
            files["model.onnx"] = self._graphs.graph(precision)
            runtime, name = "onnx", f"photos-{precision}-onnx"
        else:
            if precision == "fp16":
                raise NotHere("the service runs programs of torch in fp32 and bf16")
            files["model.pt2"] = self._program()
            runtime, name = "pytorch", f"photos-{precision}-torch"
        self._publish(name, files, runtime, precision)
        port, log = free_port(), self._folder / f"{name}.log"
        command = [sys.executable, "-m", "app", "serve", "--host", "127.0.0.1", "--port", str(port)]
        environment = {
            "TESSERA_MODELS_DIR": str(self._folder / "models"),
            "TESSERA_MODELS": name,
            "TESSERA_DEVICE": self._provider,
            "TESSERA_DATABASE_URL": f"sqlite:///{self._folder.absolute()}/events.db",
        }
        output = self._opened.enter_context(log.open("wb"))
        cores = sorted(os.sched_getaffinity(0))
        process = self._opened.enter_context(started(command, environment, cores, output))
        try:
            until_ready(port, process, START_S)
        except SystemExit as error:
            if not isinstance(error.code, str):  # this process is to end
                raise
            lines = log.read_text(errors="replace").splitlines()
            raise RuntimeError(f"{error}: {lines[-1] if lines else 'no output'}") from error
        placement = asked(port, "GET", f"/v1/models/{name}")["placements"]["model"]
        if placement["device"] != self._provider:
            raise NotHere(f"the service computes on {placement['device']}: {placement['reason']}")
        return port

    def _publish(self, name: str, files: Mapping[str, Path], runtime: str, precision: str) -> None:
        from app.repository.publish import publish
        from app.tensors import TensorSpec

        side = self._sizes.side
        if (self._folder / "models" / name).is_dir():
            return
        publish(
            self._folder / "models",
            name,
            files,
            task=TASK,
            runtime=runtime,
            precision=precision,
            graphs={"model": next(file for file in files if file.startswith("model."))},
            inputs=(TensorSpec(name="image", datatype="UINT8", shape=(-1, side, side, 3)),),
            outputs=(TensorSpec(name="probabilities", datatype="FP32", shape=(-1, CLASSES)),),
            config={"labels": "labels.json", "image_size": side, "resize_margin": 0},
            batching={"max_batch_size": max(self._sizes.batches)},
        )

    def _labels(self) -> Path:
        path = self._folder / "labels.json"
        path.write_text(json.dumps([f"class {number}" for number in range(CLASSES)]), encoding="utf-8")
        return path

    def _program(self) -> Path:
        path = self._folder / f"photos-{self._sizes.side}.pt2"
        if not path.is_file():
            from benchmarks.on_gpu.networks import photo_classifier, write_photo_program

            write_photo_program(photo_classifier(self._sizes.side, self._sizes.blocks), path, self._sizes)
        return path


class Ask:
    """One batch over one connection, asked again and again: the probabilities come back."""

    def __init__(self, port: int, image: Array) -> None:
        self._port, self._rows = port, len(image)
        (self._path,) = (f"/v2/models/{one['name']}/infer" for one in asked(port, "GET", "/v1/models")["models"])
        body = np.ascontiguousarray(image).tobytes()
        tensor = {"name": "image", "shape": image.shape, "datatype": "UINT8"}
        head = json.dumps(
            {
                "inputs": [{**tensor, "parameters": {"binary_data_size": len(body)}}],
                "outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}],
            }
        ).encode()
        self._body = head + body
        self._headers = {
            "Inference-Header-Content-Length": str(len(head)),
            "Content-Type": "application/octet-stream",
        }
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)

    def __call__(self) -> Array:
        try:
            return self._asked()
        except (ConnectionError, http.client.HTTPException):  # idle for long, it was closed by the service
            self._connection.close()
            return self._asked()

    def _asked(self) -> Array:
        self._connection.request("POST", self._path, self._body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the service answers {answer.status}: {content[:200]!r}")
        head = int(answer.headers["Inference-Header-Content-Length"])
        return np.frombuffer(content[head:], np.float32).reshape(self._rows, CLASSES)


def asked(port: int, method: str, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request(method, path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
