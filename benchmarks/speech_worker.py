"""Writes down recordings as it is told on its standard input, a JSON list of paths a line: with a model of ours.

    python -m benchmarks.speech_worker MODELS MODEL [VARIANT]

Without a queue, on all cores it may use. Answers as benchmarks/peers/faster_whisper_worker.py does.
"""

import json
import sys
import time
from pathlib import Path

from app.repository.repository import ModelRepository
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.audio_input import AudioInput
from app.tasks.speech.schema import SpeechParameters
from app.tasks.speech_recognition import SpeechConfig, SpeechKernel, SpeechRecognition
from app.tasks.view import predict_alone


def main() -> None:
    models, name, *variant = sys.argv[1:]
    repository = ModelRepository(Path(models))
    manifest = repository.read(name, repository.versions(name)[0])
    files = repository.verify(manifest)
    graphs = manifest.variants[variant[0]].graphs if variant else manifest.graphs
    sessions = {graph: load_onnx(files[file], RuntimeOptions(device="cpu")) for graph, file in graphs.items()}
    view = SpeechRecognition(SpeechKernel(SpeechConfig(**manifest.config), files))
    print(flush=True)
    for line in sys.stdin:
        wall, cpu, texts = time.perf_counter(), time.process_time(), []
        for path in json.loads(line):
            item = AudioInput(audio=Path(path).read_bytes())
            texts.append(predict_alone(view, sessions, item, SpeechParameters()).text)
        took = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        print(json.dumps({"texts": texts, **took}), flush=True)


if __name__ == "__main__":
    main()
