"""Models of tables, asked by the real `huggingface_hub` over real sockets.

Its method `tabular_regression` raises before it sends anything, since its table of tasks lacks this one.
"""

from pathlib import Path

import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from services import running
from table_models import publish_tables


def test_the_client_asks_models_of_tables(tmp_path: Path) -> None:
    publish_tables(tmp_path / "models", tmp_path)
    table = {"months": ["10", ""], "contract": ["monthly", "yearly"], "charge": [20.0, "20"]}
    with running(tmp_path / "models") as service:
        leaving = InferenceClient(model=f"{service.url}/hf/models/leaving")
        assert leaving.tabular_classification(table) == ["leaves", "stays"]
        with pytest.raises(HfHubHTTPError, match="did you mean"):
            leaving.tabular_classification({**table, "contract": ["montly", "yearly"]})
