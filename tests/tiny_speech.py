"""A recognizer of speech with weights from nowhere: it writes letters by what it hears and has written."""

import io
import string
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import soundfile
from generation_models import tokenizer as letters
from graphs import save
from onnx import helper
from published_sequences import publish_sequences
from tokenizers import Tokenizer

from app.repository.manifest import Golden, Manifest
from app.runtimes.onnx import OnnxSession, load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.speech.recording import RATE

RECOGNIZER, ALIAS = "tiny-recognizer", "tiny-whisper"
HEADS, SIZE, MELS, FRAMES, PLACES, TIMES = 2, 8, 80, 3000, 1500, 1501
WIDTH = HEADS * SIZE
SPECIAL = ("<|end|>", "<|start|>", "<|no|>", "<|en|>", "<|de|>", "<|do|>", "<|into|>", "<|untimed|>")
END, START, NO_SPEECH, ENGLISH, GERMAN, TRANSCRIBE, TRANSLATE, UNTIMED = range(259, 267)
FIRST_TIME = UNTIMED + 1
VOCABULARY = FIRST_TIME + TIMES
WRITABLE = {letters().token_to_id(letter) for letter in string.ascii_lowercase} | {letters().token_to_id("Ġ")}
CONFIG: dict[str, Any] = {
    "tokenizer": "tokenizer.json",
    "context": 64,
    "mels": MELS,
    "languages": ["en"],
    "start_id": START,
    "end_id": END,
    "no_speech_id": NO_SPEECH,
    "no_timestamps_id": UNTIMED,
    "timestamp_begin_id": FIRST_TIME,
    "suppress_ids": [id for id in range(FIRST_TIME) if id not in WRITABLE and id != END],
    "begin_suppress_ids": [END],
    "aliases": [ALIAS],
}
MULTILINGUAL = {
    "languages": ["en", "de"],
    "language_ids": [ENGLISH, GERMAN],
    "transcribe_id": TRANSCRIBE,
    "translate_id": TRANSLATE,
}


def tokenizer() -> Tokenizer:
    made = Tokenizer.from_str(letters().to_str())
    made.add_special_tokens(list(SPECIAL))
    assert made.token_to_id(SPECIAL[-1]) == UNTIMED
    return made


@cache
def graphs() -> dict[str, Path]:
    folder = Path(mkdtemp())
    return {
        "encoder": _encoder(folder / "encoder.onnx"),
        "decoder": _decoder(folder / "decoder.onnx"),
        "vad": loudness(folder / "vad.onnx"),
    }


def sessions() -> dict[str, OnnxSession]:
    return {name: load_onnx(path, RuntimeOptions(device="cpu", threads=1)) for name, path in graphs().items()}


def loudness(path: Path) -> Path:
    """A detector in the form of Silero's: speech is what is louder than a fiftieth of full scale."""
    nodes = [
        helper.make_node("Abs", ["input"], ["loud"]),
        helper.make_node("ReduceMean", ["loud", "last"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["mean", "least"], ["over"]),
        helper.make_node("Mul", ["over", "steep"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["speech_probs"]),
        helper.make_node("Identity", ["h"], ["hn"]),
        helper.make_node("Identity", ["c"], ["cn"]),
    ]
    state = ("FP32", [1, 1, 128])
    return save(
        path,
        nodes,
        [("input", "FP32", ["frames", 576]), ("h", *state), ("c", *state)],
        [("speech_probs", "FP32", ["frames"]), ("hn", *state), ("cn", *state)],
        last=np.array([1], np.int64),
        least=np.array(0.02, np.float32),
        steep=np.array(1000, np.float32),
    )


def _encoder(path: Path) -> Path:
    nodes, weights, random = [], {}, np.random.default_rng(0)
    for name in ("key", "value"):
        weights[f"w_{name}"] = random.standard_normal((WIDTH, MELS)).astype(np.float32) / 4
        nodes += [
            helper.make_node("MatMul", [f"w_{name}", "features"], [f"{name}_a"]),
            helper.make_node("Tanh", [f"{name}_a"], [f"{name}_b"]),
            helper.make_node("AveragePool", [f"{name}_b"], [f"{name}_c"], kernel_shape=[2], strides=[2]),
            helper.make_node("Reshape", [f"{name}_c", "split"], [f"{name}_d"]),
            helper.make_node("Transpose", [f"{name}_d"], [f"cross.0.{name}"], perm=[0, 1, 3, 2]),
        ]
    cross = ("FP32", ["rows", HEADS, PLACES, SIZE])
    return save(
        path,
        nodes,
        [("features", "FP32", ["rows", MELS, FRAMES])],
        [("cross.0.key", *cross), ("cross.0.value", *cross)],
        split=np.array([0, HEADS, SIZE, PLACES], np.int64),
        **weights,
    )


def _decoder(path: Path) -> Path:
    random = np.random.default_rng(1)
    bias = np.zeros(VOCABULARY, np.float32)
    bias[END], bias[FIRST_TIME:], bias[sorted(WRITABLE)] = 4.0, -4.0, 5.0
    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["embedded"]),
        helper.make_node("Squeeze", ["embedded", "one"], ["word"]),
        helper.make_node("MatMul", ["state.0", "w_state"], ["known"]),
        helper.make_node("Add", ["word", "known"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["present_state.0"]),
        helper.make_node("Reshape", ["present_state.0", "split"], ["query"]),
        helper.make_node("Transpose", ["cross.0.key"], ["turned"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["query", "turned"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"], axis=-1),
        helper.make_node("MatMul", ["shares", "cross.0.value"], ["heard"]),
        helper.make_node("Reshape", ["heard", "flat"], ["all_heard"]),
        helper.make_node("Mul", ["all_heard", "loudly"], ["loud"]),
        helper.make_node("Add", ["loud", "present_state.0"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "w_out"], ["unbiased"]),
        helper.make_node("Add", ["unbiased", "bias"], ["some"]),
        # What the runtime tells of positions and lengths is an input of every decoder, and changes nothing here.
        helper.make_node("Add", ["positions", "source_lengths"], ["told"]),
        helper.make_node("Mul", ["told", "none"], ["nothing"]),
        helper.make_node("Cast", ["nothing"], ["zero"], to=1),
        helper.make_node("Unsqueeze", ["zero", "one"], ["zeros"]),
        helper.make_node("Add", ["some", "zeros"], ["logits"]),
    ]
    cross = ("FP32", ["rows", HEADS, PLACES, SIZE])
    return save(
        path,
        nodes,
        [
            ("input_ids", "INT64", ["rows", 1]),
            ("positions", "INT64", ["rows"]),
            ("source_lengths", "INT64", ["rows"]),
            ("cross.0.key", *cross),
            ("cross.0.value", *cross),
            ("state.0", "FP32", ["rows", WIDTH]),
        ],
        [("logits", "FP32", ["rows", VOCABULARY]), ("present_state.0", "FP32", ["rows", WIDTH])],
        words=random.standard_normal((VOCABULARY, WIDTH)).astype(np.float32),
        w_state=random.standard_normal((WIDTH, WIDTH)).astype(np.float32),
        w_out=random.standard_normal((WIDTH, VOCABULARY)).astype(np.float32) / 2,
        bias=bias,
        loudly=np.array(3, np.float32),
        none=np.array(0, np.int64),
        one=np.array([1], np.int64),
        split=np.array([0, HEADS, 1, SIZE], np.int64),
        flat=np.array([0, WIDTH], np.int64),
    )


def tone(seconds: float, rate: int = RATE, hz: float = 440.0) -> np.ndarray:
    """A sound that the detector takes for speech."""
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def silence(seconds: float, rate: int = RATE) -> np.ndarray:
    return np.zeros(round(seconds * rate), np.float32)


def file_of(samples: np.ndarray, kind: str = "WAV", subtype: str | None = None, rate: int = RATE) -> bytes:
    made = io.BytesIO()
    soundfile.write(made, samples, rate, format=kind, subtype=subtype)
    return made.getvalue()


def publish_recognizer(
    root: Path,
    scratch: Path,
    name: str = RECOGNIZER,
    golden: tuple[Golden, ...] = (),
    most_rows: int = 4,
    **config: Any,
) -> Manifest:
    return publish_sequences(
        root, scratch, name, graphs(), tokenizer(), {**CONFIG, **config}, most_rows,
        task="automatic-speech-recognition", description="Writes down noise.", golden=golden,
    )  # fmt: skip
