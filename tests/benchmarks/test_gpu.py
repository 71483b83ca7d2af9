"""The measuring of a card, tried without one: nothing but the card is missing."""

import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import gpu
from benchmarks.on_gpu import encoders, marked_tests, table
from benchmarks.on_gpu.cells import Cell, OtherMachine, Results
from benchmarks.on_gpu.decoder import Caches, Reading, TorchDecoder, random_decoder
from benchmarks.on_gpu.generation import GenerationPart
from benchmarks.on_gpu.joined_wheel import joined
from benchmarks.on_gpu.machine import described
from benchmarks.on_gpu.measuring import Run, figures, in_turn, judged
from benchmarks.on_gpu.part import groups_of, measure
from benchmarks.on_gpu.sizes import FULL, SMALL, TINY
from training.networks.plain_decoder import read

HERE = {"provider": "cpu", "device": "a processor", "tiny": True}
FEW = ("eager", "pinned", "CUDA graph", "onnx bound")
TEXT = f"{TINY.tokens[0]} tokens"


class Tried:
    """The part of texts with few techniques. It notes what is made ready, and may spoil it."""

    def __init__(self, folder: Path, ends_at: int = 10**6, wrong: str = "", broken: str = "") -> None:
        self._part = encoders.texts(TINY, "cpu", folder)
        self.pairs, self.techniques, self.asked = self._part.pairs, FEW, list[Cell]()
        self._ends_at, self._wrong, self._broken = ends_at, wrong, broken

    def prepared(self, cell: Cell) -> Run:
        self.asked.append(cell)
        if len(self.asked) == self._ends_at:
            raise KeyboardInterrupt
        if cell.technique == self._broken:
            raise RuntimeError(f"CUDA error:\n{'x' * 1000}")
        run = self._part.prepared(cell)
        return (lambda: run() + 1) if cell.technique == self._wrong else run

    def ensure_alive(self) -> None:
        self._part.ensure_alive()

    def forget(self) -> None:
        self._part.forget()


def measured(part: Any, file: Path, seconds: float = 60) -> Results:
    results = Results(file, HERE)
    measure(part, results, TINY, time.monotonic() + seconds, lambda text: None)
    return results


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_part_that_was_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "texts.json"
    first = Tried(tmp_path, ends_at=10)  # in the second group
    with pytest.raises(KeyboardInterrupt):
        measured(first, file)
    done = {Cell.of(key) for key, found in json.loads(file.read_text())["cells"].items() if "ms" in found}
    assert {cell.batch for cell in done} == {1}
    gpu.forget_trying(file)  # as whoever cuts a part off does
    before = {key: found for key, found in json.loads(file.read_text())["cells"].items() if "ms" in found}

    second = Tried(tmp_path)
    results = measured(second, file)
    anchors = [cell for cell in second.asked if cell.technique == "eager" and cell.precision == "fp32"]
    assert not (done - set(anchors)) & set(second.asked)
    assert {key: results.cells[key] for key in before} == before
    assert {key for key in results.content["planned"] if key not in results.cells} == set()

    text = table.text({"texts": results.content})
    assert "**A trial without a card: these figures say nothing of one.** **Tiny sizes.**" in text
    assert (
        f"- not here: a CUDA graph is captured on a CUDA device: `CUDA graph` (fp32 fp16 bf16; {TEXT}; batch 1 4)"
        in text
    )
    assert f"- not here: graphs are written in fp32 and fp16: `onnx bound` (bf16; {TEXT}; batch 1 4)" in text
    assert "| onnx bound | 4 | fp16 |" in text
    assert "WRONG" not in text


def test_a_wrong_answer_is_flagged_and_has_no_speed_and_a_fault_is_told(tmp_path: Path) -> None:
    part = Tried(tmp_path, wrong="onnx bound", broken="pinned")
    part.pairs = part.pairs[:1]
    results = measured(part, tmp_path / "texts.json")
    assert results.cells[f"{TEXT}|fp32|1|onnx bound"]["wrong"].startswith("differs by 1 from fp32")
    text = table.text({"texts": results.content})
    assert "| onnx bound | 1 | fp32 | – | – | – | – | **WRONG: differs by 1 from fp32" in text
    assert f"- **failed**: RuntimeError: CUDA error: {'x' * 100}" in text
    assert not any(len(found.get("failed", "")) > 400 for found in results.cells.values())


def test_what_ends_the_process_is_not_tried_again_and_what_is_not_done_is_listed(tmp_path: Path) -> None:
    file = tmp_path / "texts.json"
    with pytest.raises(KeyboardInterrupt):  # as a crash: nobody forgets what was tried
        measured(Tried(tmp_path, ends_at=2), file)
    results = measured(Tried(tmp_path), file, seconds=-1)
    (failed,) = [key for key, found in results.cells.items() if "failed" in found]
    assert failed == f"{TEXT}|fp32|1|pinned"
    text = table.text({"texts": results.content})
    assert "- **failed**: the process ended while this was made ready: `pinned` " in text
    assert "- not done: the time was up before: `eager`" in text


def test_results_of_another_machine_are_not_mixed(tmp_path: Path) -> None:
    Results(tmp_path / "texts.json", HERE).plan([])
    with pytest.raises(OtherMachine, match="device 'a processor', not 'a card'"):
        Results(tmp_path / "texts.json", {**HERE, "device": "a card"})


@pytest.mark.parametrize("answer", [[[1.0, np.nan]], [[1.0]], [[1.0, 2.2]]], ids=["nan", "shape", "value"])
def test_no_kind_of_wrong_answer_passes(answer: list[list[float]]) -> None:
    reference = np.array([[1.0, 2.0]], np.float32)
    cell = Cell("x", "fp16", 1, "eager")
    assert "wrong" in json.loads(json.dumps(judged(cell, np.array(answer, np.float32), reference)))
    assert "wrong" not in judged(cell, reference + 0.01, reference)


def test_ratios_are_those_of_a_round() -> None:
    found = figures(Cell("x", "fp16", 8, "eager"), [1.0, 2.0, 1.0], [2.0, 8.0, 3.0])
    assert (found["of_raw"], found["of_raw_range"], found["rows_per_s"]) == (3.0, [2.0, 4.0], 8.0)


def test_techniques_run_in_turn() -> None:
    order: list[str] = []

    def noted(name: str) -> Run:
        return lambda: order.append(name) or np.zeros(1)

    cells = [Cell("x", "fp32", 1, name) for name in ("a", "b")]
    in_turn({cell: noted(cell.technique) for cell in cells}, cells[0], rounds=2, least_s=0)
    assert "".join(order[-4:]) == "abba"


def test_the_most_telling_batches_come_first_and_what_takes_long_last(tmp_path: Path) -> None:
    groups = list(groups_of(encoders.texts(FULL, "cpu", tmp_path)))
    assert [group[0].batch for group in groups[:8:2]] == [1, 8, 32, 256]
    assert {cell.precision for cell in groups[0]} == {"fp32", "fp16"}
    assert sorted({cell.batch for group in groups for cell in group}) == [1, 2, 4, 8, 16, 32, 64, 128, 256]


def test_the_decoder_of_torch_answers_as_the_plain_one_does() -> None:
    plain = random_decoder(SMALL)
    decoder, ids = TorchDecoder(plain), torch.tensor([[7, 8, 9, 10], [20, 21, 22, 23]])
    caches = Caches(SMALL, 2, 8, decoder.embeddings)
    Reading(decoder, caches, 0)(ids[:, :3])
    found = Reading(decoder, caches, 3)(ids[:, 3:])
    for row, logits in zip(ids.tolist(), found.numpy(), strict=True):
        np.testing.assert_allclose(logits, read(plain, row)[-1], atol=1e-4)


def test_a_step_is_the_same_by_torch_by_the_graph_and_by_the_service(tmp_path: Path) -> None:
    part = GenerationPart(TINY, "cpu", tmp_path)
    eager, *others = (
        part.prepared(Cell("a step", "fp32", 4, technique))()
        for technique in ("eager", "onnx bound", "service's slots")
    )
    for other in others:
        np.testing.assert_allclose(other, eager, atol=1e-4)


def test_marked_tests_are_run_and_those_without_a_card_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they take longer to load than such tests to run
    (tmp_path / "test_two.py").write_text(
        "import pytest\n\n\ndef test_good(): pass\n\n\ndef test_bad(): assert 1 == 2\n\n\n"
        "@pytest.mark.skip(reason='needs a card')\ndef test_far(): pass\n"
    )
    results = Results(tmp_path / "tests.json", HERE)
    selected = (str(tmp_path / "test_two.py"), "--noconftest", "--rootdir", str(tmp_path))
    marked_tests.measure(results, tmp_path, 60, lambda text: None, selected)
    text = table.text({"tests": results.content})
    assert "Passed: 1. `test_good`" in text
    assert "- **failed**: assert 1 == 2: `test_bad`" in text
    assert "- not here: needs a card: `test_far`" in text


def test_a_card_that_is_not_there_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(gpu, "torch_fault", lambda provider: "this torch has no CUDA")
    monkeypatch.setattr(gpu, "onnx_fault", lambda provider: "this onnxruntime has no CUDA provider")
    assert gpu.main(["--out", str(tmp_path)]) == 1
    assert "this torch has no CUDA, and this onnxruntime has no CUDA provider" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_figures_of_a_trial_do_not_lie_where_those_of_a_card_do() -> None:
    assert gpu.OUT["cpu"].parts[0] == "build"
    assert described("cpu", True)["provider"] == "cpu"


def test_a_wheel_in_pieces_is_joined_and_one_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    whole, pieces, target = tmp_path / "a-1-py3-none-any.whl", tmp_path / "pieces", tmp_path / "target"
    with zipfile.ZipFile(whole, "w") as file:
        file.writestr("a.py", "x" * 1000)
    pieces.mkdir(), target.mkdir()
    content = whole.read_bytes()
    for number, start in enumerate(range(0, len(content), 300)):
        (pieces / f"{whole.name}.{number:03}").write_bytes(content[start : start + 300])
    assert joined(pieces, target).read_bytes() == content
    with pytest.raises(SystemExit, match="has the sha256"):
        joined(pieces, target, sha256="0")
    last = max(pieces.iterdir())
    last.unlink()
    with pytest.raises(SystemExit, match="is not whole"):
        joined(pieces, target)
    min(pieces.iterdir()).unlink()
    with pytest.raises(SystemExit, match="pieces are missing"):
        joined(pieces, target)
    script = Path(gpu.__file__).parent / "on_gpu" / "joined_wheel.py"
    assert subprocess.run([sys.executable, "-S", str(script), "--help"], capture_output=True).returncode == 0
