"""The names of classes in a configuration."""

from collections.abc import Mapping
from typing import Any

from training.errors import TrainingError
from training.importing.folder import CONFIG


def labels_in(id2label: Mapping[Any, Any]) -> list[str]:
    """The names in the order of the network's outputs. Raises TrainingError for one that is missing, or no text."""
    stated = {str(number): name for number, name in id2label.items()}
    for number in range(len(stated)):
        if str(number) not in stated:
            raise TrainingError(f"id2label in {CONFIG} has {len(stated)} labels, and none of them is number {number}")
        if not isinstance(stated[str(number)], str):
            raise TrainingError(
                f"id2label in {CONFIG} calls number {number} {stated[str(number)]!r:.40}, which is no text in quotes"
            )
    return [stated[str(number)] for number in range(len(stated))]
