"""A JSON object from a file that somebody gave."""

import json
from pathlib import Path
from typing import Any

from training.errors import TrainingError, first_line


def read_json(path: Path) -> dict[str, Any]:
    """Raises TrainingError."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"{path} is not a JSON object: {first_line(error)}") from error
