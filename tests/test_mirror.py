"""Each file of the API and of serving has a test file in the same room, or one that goes through it is named here."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("api", "serving")

GONE_THROUGH = {
    **{
        f"api/batches/{name}.py": "api/batches/test_batches.py"
        for name in ("asked", "described", "files", "paths", "schemas")
    },
    "api/documented.py": "api/test_openapi.py",
    "api/examples.py": "api/test_openapi.py",
    "api/given.py": "api/test_routes.py",
    "api/grpc/calls.py": "api/grpc/test_grpc_server.py",
    "api/grpc/inside.py": "api/grpc/test_grpc_server.py",
    "api/grpc/responses.py": "api/grpc/test_grpc_streams.py",
    "api/hf/chat.py": "api/hf/test_hf_generation.py",
    "api/hf/errors.py": "api/hf/test_hf.py",
    "api/hf/generation_schema.py": "api/hf/test_hf_generation.py",
    "api/hf/models.py": "api/hf/test_hf.py",
    "api/hf/picture_wires.py": "tasks/test_object_detection.py",
    "api/hf/predict.py": "api/hf/test_hf.py",
    "api/hf/reading.py": "api/hf/test_hf.py",
    "api/hf/rerank.py": "training/importing/test_import_text_pairs.py",
    "api/hf/schemas.py": "api/hf/test_hf.py",
    "api/hf/speech_wires.py": "api/hf/test_hf_speech.py",
    "api/hf/text_wires.py": "training/importing/test_import_token_classification.py",
    "api/hf/translation_wires.py": "api/hf/test_hf_translation.py",
    "api/hf/wires.py": "api/hf/test_hf.py",
    "api/http/allowances.py": "api/test_permitted.py",
    "api/http/bounds.py": "api/http/test_protocol.py",
    "api/http/events.py": "api/http/test_event_streams.py",
    "api/http/refusals.py": "api/http/test_protocol.py",
    "api/http/slow_reader.py": "api/http/test_protocol.py",
    "api/openai/answers_schema.py": "api/openai/test_described.py",
    "api/openai/models.py": "api/openai/test_openai_errors.py",
    "api/openai/paths.py": "api/test_routes.py",
    "api/openai/reading.py": "api/openai/test_refused.py",
    "api/openai/responses_answers.py": "api/openai/test_described.py",
    "api/openai/responses_schema.py": "api/openai/test_responses.py",
    "api/openai/schemas.py": "api/openai/test_refused.py",
    "api/openai/transcriptions_schema.py": "api/openai/test_transcriptions.py",
    "api/v1/described.py": "api/test_openapi.py",
    "api/v1/errors.py": "api/v1/test_v1.py",
    "api/v1/event_schema.py": "api/v1/test_v1_events.py",
    "api/v1/models.py": "api/v1/test_v1.py",
    "api/v1/paths.py": "api/test_routes.py",
    "api/v1/predict.py": "api/v1/test_v1.py",
    "api/v2/described.py": "api/test_openapi.py",
    "api/v2/errors.py": "api/test_integers.py",
    "api/v2/infer.py": "api/v2/test_v2_reading_and_writing.py",
    "api/v2/models.py": "api/test_integers.py",
    "api/v2/paths.py": "api/test_routes.py",
    "api/v2/reading.py": "api/v2/test_v2_reading_and_writing.py",
    "api/v2/schemas.py": "api/test_integers.py",
    "api/v2/statistics.py": "api/test_integers.py",
    "serving/kinds.py": "serving/test_local.py",
    "serving/live.py": "serving/test_versions.py",
    "serving/of_steps.py": "serving/test_pipeline.py",
    "serving/step_observer.py": "serving/test_stepper.py",
    "serving/versioned.py": "serving/test_local.py",
}
"""Data, paths and promises by the tests of whoever uses them, and routes by the tests that ask them."""


def has_own(file: Path) -> bool:
    """Whether tests of the same room, or of one around it, are named after it."""
    folder = ROOT / "tests" / file.parent.relative_to("app")
    names = (f"test_{file.stem}.py", f"test_{file.stem}_*.py", f"test_*_{file.stem}.py", f"test_{file.stem}s.py")
    return any(any(place.glob(name)) for place in (folder, folder.parent) for name in names)


FILES = sorted(
    path.relative_to(ROOT) for room in ROOMS for path in (ROOT / "app" / room).rglob("*.py") if path.stem != "__init__"
)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_file_has_its_tests(file: Path):
    named = GONE_THROUGH.get(str(file.relative_to("app")))
    assert has_own(file) != (named is not None), "no tests are named after it" if named is None else "it has its own"
    assert named is None or (ROOT / "tests" / named).is_file()


def test_the_table_names_files_that_are_there():
    assert GONE_THROUGH.keys() <= {str(file.relative_to("app")) for file in FILES}
