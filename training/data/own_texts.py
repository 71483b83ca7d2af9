"""Labelled texts of one's own."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from training.data.tables import read_tables, refuse

SHORT = {"neg": "negative", "neu": "neutral", "pos": "positive"}  # as many datasets have it


def own_texts(folder: Path, labels: Sequence[str], group: str) -> tuple[pd.DataFrame, list[Path]]:
    """Labelled texts of one's own, and the files: `text`, `label` (index into `labels`), and `group`.

    They are read as `read_tables` reads. `group` is the name of an optional column, by which figures are broken down.
    Raises TrainingError.
    """
    texts, files = read_tables(folder, required=("text", "label"), optional=(group,))
    refuse(texts, texts.text == "", "text", "an empty text")
    texts["label"] = texts.label.str.lower().replace(SHORT)
    refuse(texts, ~texts.label.isin(labels), "label", f"a label other than {', '.join(labels)}")
    texts["label"] = texts.label.map({label: index for index, label in enumerate(labels)})
    texts[group] = texts[group].replace("", "texts") if group in texts else "texts"
    texts = texts.drop_duplicates([group, "text", "label"], ignore_index=True)
    refuse(texts, texts.duplicated([group, "text"]), "text", "a text that has another label before")
    return texts, files
