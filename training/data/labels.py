"""The names of classes, as the service reads them."""

import json
from collections.abc import Sequence
from pathlib import Path


def write_labels(names: Sequence[str], path: Path) -> Path:
    path.write_text(json.dumps(names, indent=0) + "\n", encoding="utf-8")
    return path
