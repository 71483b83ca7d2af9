"""python -m benchmarks.onnx_cases: ONNX's own backend tests, added, loaded and served, beside plain ONNX Runtime.

Each case is tried as it is, with its first dimension symbolic, and with all of them symbolic; alone, and in the company
of eleven strangers, who must not change its answer. Ends with 1 if anything is wrong. Needs the package onnx.
Long, since it is one command: what a case is, how it is tried, what counts as wrong, and the report.
"""

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

from app.adding.command import add
from app.errors import InferenceFailed, ServiceError
from app.repository.repository import ModelRepository
from app.runtimes.onnx import DATATYPES
from app.runtimes.options import RuntimeOptions
from app.serving.engine import Ask
from app.serving.local import LocalEngine
from app.serving.raw import NAME as RAW
from app.telemetry import Telemetry
from app.tensors import Array, Tensors

FORMS = ("as it is", "first symbolic", "all symbolic")
STRANGERS = 11
DEADLINE_S = 60.0
TEXTS = ("a", "a a", "a a a", "")

TRIED = "tried"
WRONG = "wrong answer"
FAILED = "500"
REFUSED = "refused"
ANSWER_REFUSED = "request refused"
UNLOADABLE = "published, not loadable"
CRASHED = "no sentence"
UNSAFE = "batched though it could not"
SLOW = "not batched though it could"
BATCHED = "batched"
COLUMNS = (TRIED, WRONG, FAILED, CRASHED, UNLOADABLE, REFUSED, ANSWER_REFUSED, BATCHED, UNSAFE, SLOW)
NEVER = (WRONG, FAILED, CRASHED, UNLOADABLE, UNSAFE)
MOST_REFUSED, MOST_SLOW = 0.01, 0.01


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    model: onnx.ModelProto
    inputs: Tensors


@dataclass(frozen=True, slots=True)
class Verdict:
    kind: str
    why: str = ""


def cases() -> Iterator[Case]:
    """Yield the cases whose inputs are tensors that the service has a type for."""
    from onnx.backend.test.case.node import collect_testcases
    from onnx.backend.test.loader import load_model_tests

    for node in collect_testcases(None):
        if node.model is not None and node.data_sets:
            yield from _case(node.name, node.model, node.data_sets[0][0])
    for kind in ("simple", "pytorch-operator", "pytorch-converted"):
        for test in load_model_tests(kind=kind):
            folder = Path(str(test.model_dir))
            model = onnx.load(folder / "model.onnx")
            files = sorted((folder / "test_data_set_0").glob("input_*.pb"), key=lambda path: int(path.stem[6:]))
            try:
                values = [numpy_helper.to_array(onnx.load_tensor(str(file))) for file in files]
            except Exception:  # a sequence, or an optional value
                continue
            yield from _case(test.name, model, values)


def _case(name: str, model: onnx.ModelProto, values: Sequence[Any]) -> Iterator[Case]:
    weights = {one.name for one in model.graph.initializer}
    names = [one.name for one in model.graph.input if one.name not in weights]
    if len(names) == len(values) and all(isinstance(value, np.ndarray | np.generic) for value in values):
        yield Case(name, model, {name: _texts(np.asarray(value)) for name, value in zip(names, values, strict=True)})


def _texts(array: Array) -> Array:
    return array.astype(np.object_) if array.dtype.kind in "US" else array


def in_form(case: Case, form: str) -> onnx.ModelProto | None:
    """Return the model with symbolic dimensions; None if that changes nothing."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    if form == FORMS[0]:
        return model
    changed, rows = False, None
    for value in model.graph.input:
        if value.name not in case.inputs:
            continue
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if axis == 0 or form == FORMS[2]:
                changed, rows = True, rows or dimension.dim_value
                is_batch = axis == 0 and dimension.dim_value == rows
                dimension.dim_param = "N" if is_batch else f"{value.name}_{axis}"
    del model.graph.value_info[:]
    for value in model.graph.output:
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            dimension.dim_param = f"{value.name}_{axis}"
    return model if changed else None


def reference(content: bytes) -> ort.InferenceSession | None:
    """Return a plain session, None if ONNX Runtime does not take it, or V2 has no type for one of its tensors."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception:
        return None
    tensors = [*session.get_inputs(), *session.get_outputs()]
    return session if session.get_inputs() and all(one.type in DATATYPES for one in tensors) else None


def answer(session: ort.InferenceSession, inputs: Tensors) -> Tensors | None:
    names = [one.name for one in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, inputs), strict=True))
    except Exception:
        return None


def is_same(expected: Tensors, found: Tensors, whole: Tensors | None = None) -> bool:
    """Return whether tensors are the same but for rounding in proportion to the largest number of the `whole`."""
    whole = whole or expected
    return expected.keys() == found.keys() and all(_is_close(expected[n], found[n], whole[n]) for n in expected)


def _is_close(a: Array, b: Array, whole: Array) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind != "f":
        return bool((a == b).all())
    largest = float(np.abs(whole[np.isfinite(whole)]).max(initial=0))
    tolerance = 1e-2 if a.dtype == np.float16 else 1e-4
    return np.allclose(a.astype(np.float64), b.astype(np.float64), tolerance, tolerance * largest, equal_nan=True)


def like(
    inputs: Tensors, random: np.random.Generator, num_rows: int | None = None, *, is_wild: bool = False
) -> Tensors:
    """Return other inputs of the same shapes, but for the number of rows; indices are some of those there.

    Or 0 or 1 if they may be wild.
    """
    found = {}
    for name, array in inputs.items():
        shape = array.shape if num_rows is None else (num_rows, *array.shape[1:])
        if array.dtype.kind == "f":
            scale = 10.0 ** random.integers(-2, 4, (shape[:1] or (1,)))
            made = random.standard_normal(shape) * scale.reshape(-1, *[1] * (len(shape) - 1))
            found[name] = made.reshape(shape).astype(array.dtype)
        else:
            choices = [*array.ravel(), *(TEXTS if array.dtype == np.object_ else (0, 1) if is_wild else ())]
            found[name] = (
                random.choice(choices, shape).astype(array.dtype) if array.size else np.empty(shape, array.dtype)
            )
    return found


def could_be_batched(session: ort.InferenceSession, inputs: Tensors) -> bool:
    """Return whether rows answer alone as they do together, as far as trying can tell."""
    counts = {array.shape[0] if array.ndim else 0 for array in inputs.values()}
    if len(counts) != 1 or 0 in counts:
        return False
    random = np.random.default_rng(0)
    batches = [inputs, *(like(inputs, random, size, is_wild=size > 2) for size in (2, 2, 3, 3, 3, 5, 5))]
    tried = 0
    for batch in batches:
        count = len(next(iter(batch.values())))
        alone = [answer(session, {name: array[i : i + 1] for name, array in batch.items()}) for i in range(count)]
        together = answer(session, batch)
        if any(one is None for one in alone):
            continue
        if together is None or any(array.shape[:1] != (count,) for array in together.values()):
            return False
        for i, one in enumerate(alone):
            mine = {name: array[i : i + 1] for name, array in together.items()}
            if one is None or not is_same(one, mine, together):
                return False
        tried += 1
    return tried > 1


async def try_case(case: Case, form: str, engine: LocalEngine, models: Path, scratch: Path) -> list[Verdict]:
    """Return what is to be said of one case; nothing if plain ONNX Runtime does not run it."""
    model = in_form(case, form)
    if model is None:
        return []
    content = model.SerializeToString()
    session = reference(content)
    expected = answer(session, case.inputs) if session else None
    if session is None or expected is None or not all(isinstance(array, np.ndarray) for array in expected.values()):
        return []
    again = answer(session, case.inputs)
    found = [Verdict(TRIED)]
    file, name = scratch / "case.onnx", "case"
    file.write_bytes(content)
    try:
        added = await asyncio.to_thread(add, file, name, models)
    except ServiceError as error:
        return [*found, Verdict(REFUSED, str(error))]
    except Exception as error:
        return [*found, Verdict(CRASHED, repr(error))]
    is_batched = not added.unbatched
    found += [Verdict(BATCHED)] if is_batched else []
    try:
        await engine.load(name)
        state = engine.status().models[0].versions[0]
        if state.state != "ready":
            return [*found, Verdict(UNLOADABLE, state.reason)]
        if again is not None and is_same(expected, again):  # or it is random
            found += await _asked(case, engine, name, expected)
        if form != FORMS[0]:
            could = could_be_batched(session, case.inputs)
            if is_batched and not could and _shows_mixing(session, case.inputs):
                found.append(Verdict(UNSAFE))
            if not is_batched and could:
                found.append(Verdict(SLOW, added.unbatched))
    finally:
        await engine.unload(name)
        shutil.rmtree(models / name)
    return found


def _shows_mixing(session: ort.InferenceSession, inputs: Tensors) -> bool:
    """Return whether rows can be answered alone at all: if not, there is nothing to compare with."""
    return answer(session, {name: array[:1] for name, array in inputs.items()}) is not None


async def _asked(case: Case, engine: LocalEngine, name: str, expected: Tensors) -> list[Verdict]:
    random = np.random.default_rng(1)
    for company in (0, STRANGERS):
        strangers = [like(case.inputs, random) for _ in range(company)]
        requests = [*strangers[: company // 2], case.inputs, *strangers[company // 2 :]]
        answers = await asyncio.gather(
            *(engine.predict(Ask(name, None, RAW, [dict(one)], None, DEADLINE_S)) for one in requests),
            return_exceptions=True,
        )
        mine = answers[company // 2]
        where = "beside strangers" if company else "alone"
        if isinstance(mine, InferenceFailed):
            return [Verdict(FAILED, f"{where}: {mine}")]
        if isinstance(mine, ServiceError):
            return [Verdict(ANSWER_REFUSED, f"{where}: {mine}")]
        if isinstance(mine, BaseException):
            return [Verdict(CRASHED, f"{where}: {mine!r}")]
        if not is_same(expected, mine.outputs[0].tensors):
            return [Verdict(WRONG, where)]
    return []


async def try_all(found: Iterable[Case], slow_s: float) -> dict[str, Counter[str]]:
    """Return for each form how many verdicts of each kind there were, and print those that say something."""
    counts: dict[str, Counter[str]] = {form: Counter() for form in FORMS}
    with tempfile.TemporaryDirectory(prefix="tessera-") as folder:
        models, scratch = Path(folder) / "models", Path(folder) / "scratch"
        models.mkdir()
        scratch.mkdir()
        engine = LocalEngine(ModelRepository(models), Telemetry(), options=RuntimeOptions(device="cpu"))
        for case in found:
            for form in FORMS:
                started = perf_counter()
                for verdict in await try_case(case, form, engine, models, scratch):
                    counts[form][verdict.kind] += 1
                    if verdict.kind not in (TRIED, BATCHED):
                        print(f"{verdict.kind}: {case.name}, {form}: {verdict.why:.300}", flush=True)
                if (took := perf_counter() - started) > slow_s:
                    print(f"took {took:.1f} s: {case.name}, {form}", flush=True)
        await engine.stop()
    return counts


def report(counts: dict[str, Counter[str]]) -> int:
    print(f"\n{'':<28}" + "".join(f"{form:>16}" for form in FORMS))
    for column in COLUMNS:
        print(f"{column:<28}" + "".join(f"{counts[form][column]:>16}" for form in FORMS))
    total = sum(counts.values(), Counter[str]())
    is_good = not any(total[kind] for kind in NEVER)
    is_good &= total[REFUSED] + total[ANSWER_REFUSED] <= MOST_REFUSED * total[TRIED]
    is_good &= total[SLOW] <= MOST_SLOW * (total[BATCHED] + total[SLOW])
    print("good" if is_good else "not good")
    return 0 if is_good else 1


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.onnx_cases", description=__doc__)
    parser.add_argument("--share", default="1/1", help="2/4 is the second of four, for as many processes")
    parser.add_argument("--only", default="", help="cases whose names have this in them")
    parser.add_argument("--slow", type=float, default=5.0, help="name cases that take more than so many seconds")
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    chosen = parser.parse_args(arguments)
    share, shares = map(int, chosen.share.split("/"))
    found = (case for i, case in enumerate(cases()) if i % shares == share - 1 and chosen.only in case.name)
    return report(asyncio.run(try_all(found, chosen.slow)))


if __name__ == "__main__":
    sys.exit(main())
