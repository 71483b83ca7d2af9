"""Writes down recordings as it is told on its standard input, a JSON list of paths a line: with faster-whisper.

    python faster_whisper_worker.py FOLDER COMPUTE_TYPE THREADS

Answers each line with one of JSON: the texts, and the seconds of computing and of waiting that they took.
"""

import json
import sys
import time

from faster_whisper import WhisperModel


def main() -> None:
    folder, compute_type, threads = sys.argv[1:]
    model = WhisperModel(folder, device="cpu", compute_type=compute_type, cpu_threads=int(threads))
    print(flush=True)
    for line in sys.stdin:
        wall, cpu, texts = time.perf_counter(), time.process_time(), []
        for path in json.loads(line):
            segments, _ = model.transcribe(
                path,
                language="en",
                beam_size=1,
                temperature=0.0,
                without_timestamps=True,
                condition_on_previous_text=False,
                vad_filter=True,
            )
            texts.append("".join(segment.text for segment in segments).strip())
        took = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        print(json.dumps({"texts": texts, **took}), flush=True)


if __name__ == "__main__":
    main()
