"""Schemathesis: requests made of the OpenAPI document, right and wrong, to every route that asks a model about text."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WRITER, EMBEDDER = os.environ["TESSERA_WRITER"], os.environ["TESSERA_EMBEDDER"]
OPENAI = "/v1/(chat/completions|completions|responses|embeddings)$"
NATIVE = f"/v1/models/({WRITER}|{EMBEDDER})/predict$"
HF = f"/hf/models/({WRITER}|{EMBEDDER})(/generate|/generate_stream|/v1/chat/completions|/embed|/rerank|/pipeline/.*)?$"
TRITON = f"/v2/models/{WRITER}/(generate|generate_stream)$"
EACH_S = 120
# A deadline of a millisecond is kept. What no schema says, as that one of three limits is sent, is refused in words.
CONFIG = """
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 504]
positive_data_acceptance.expected-statuses = ["2xx", 400, 404, 413, 422, 429, 504]
"""


@pytest.mark.parametrize("paths", [OPENAI, NATIVE, HF, TRITON], ids=["openai", "native", "hf", "triton"])
def test_what_is_documented_is_what_is_answered(paths, tmp_path):
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    options = ["--include-path-regex", paths, "-n", "20", "--seed", "1", "--max-time", str(EACH_S), "--no-color"]
    options += ["--request-timeout", "60", "--continue-on-failure", "--no-shrink", "--generation-database", "none"]
    command = [Path(sys.executable).parent / "schemathesis", "--config-file", "schemathesis.toml", "run", *options]
    done = subprocess.run([*command, f"{os.environ['TESSERA_URL']}/openapi.json"], cwd=tmp_path)
    assert done.returncode == 0
