"""The decoder of a version that writes text: its slots, its tokens and what its steps take."""

from generation_models import CONTEXT
from tiny_writer import graph, publish_writer

from app.repository.repository import ModelRepository
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.serving.loading import Loaded, load
from app.serving.step_cost import StepCost
from app.serving.stepping import SLOTS_A_ROW, USUAL_TOKENS, Stepping

OPTIONS = RuntimeOptions(device="cpu", threads=1)
KNOWN = StepCost(base_s=1e-3, row_s=1e-4, token_s=1e-6, read_s=1e-5, past_s=1e-8)


def loaded_of(folder) -> Loaded:
    manifest = publish_writer(folder / "models", folder / "scratch")
    repository = ModelRepository(folder / "models")
    return load(manifest, lambda: repository.verify(manifest), OPTIONS)


def stepping_of(folder) -> Stepping:
    stepping = loaded_of(folder).stepping
    assert stepping is not None
    return stepping


def test_there_is_room_for_all_rows_and_as_many_prompts_and_for_a_whole_context(tmp_path):
    stepping = stepping_of(tmp_path)
    assert stepping.most_rows == 4  # as its manifest says
    assert stepping.decoder.slots == SLOTS_A_ROW * 4
    assert CONTEXT <= stepping.most_tokens <= 4 * CONTEXT
    assert stepping.cost.step_s(1, 1) > 0


def test_a_decoder_is_made_anew_with_as_many_slots(tmp_path):
    loaded = loaded_of(tmp_path)
    stepping = loaded.stepping
    before = stepping.decoder
    stepping.reopen(loaded.kernel, {"model": load_onnx(graph(), OPTIONS)})
    assert stepping.decoder is not before
    assert (stepping.decoder.slots, stepping.decoder.capacity) == (before.slots, before.capacity)


def test_its_curve_is_that_of_steps_of_usual_length(tmp_path):
    made = stepping_of(tmp_path)
    stepping = Stepping(made.decoder, KNOWN, 4, CONTEXT)
    for rows in (1, 4):
        assert stepping.curve.seconds(rows, 1) == KNOWN.step_s(rows, rows * USUAL_TOKENS)
