"""The language model that a recipe starts from: out of packages, or in the files that the hub has of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import transformers
from safetensors import SafetensorError
from tokenizers import Tokenizer

from app.repository.manifest import Source
from training.data.fetch.pypi import Package, fetch
from training.data.fetch.verified import joined
from training.data.gguf_file import GgufFile
from training.data.own.source import given
from training.errors import TrainingError, first_line
from training.networks.decoder import KINDS, Decoder

CONFIG, TOKENIZER, TEMPLATE = "config.json", "tokenizer.json", "chat_template.jinja"
FILES = (CONFIG, TOKENIZER, "*.safetensors", "*.safetensors.index.json", "generation_config.json", "*.gguf")
TEMPLATES = ("tokenizer_config.json", TEMPLATE)
POSITIONS = ("default", "linear", "llama3", "yarn")  # ways to count positions that are tables, whatever the length


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A decoder in fp32 and what it reads with. `template`: of a chat, in Jinja; "" if there is none.

    `ends`: the ids of tokens that end an answer. `alias`: its id on the hub, if that is known.
    """

    name: str
    decoder: Decoder
    tokenizer: Tokenizer
    template: str
    ends: Sequence[int]
    source: Source
    alias: str = ""
    is_packaged: bool = False

    def save_what_reads(self, folder: Path) -> dict[str, Path]:
        """Write the tokenizer, and the template if there is one, into `folder`. Returns the paths by their names."""
        self.tokenizer.save(str(folder / TOKENIZER))
        if not self.template:
            return {TOKENIZER: folder / TOKENIZER}
        (folder / TEMPLATE).write_text(self.template, encoding="utf-8")
        return {TOKENIZER: folder / TOKENIZER, TEMPLATE: folder / TEMPLATE}


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A GGUF file, whole or in parts, that travels in packages. `alias`: its id on the hub.

    `also_ends`: tokens that end an answer, besides the one that the file states.
    """

    alias: str
    licence: str
    packages: Sequence[Package]
    parts: Sequence[str]
    sha256: str
    also_ends: Sequence[str] = ()

    def fetch(self, folder: Path) -> Path:
        """The file, joined in `folder` if it travels in parts. Raises TrainingError."""
        parts = [fetch(package) / part for package, part in zip(self.packages, self.parts, strict=True)]
        return joined(parts, folder / "joined.gguf", self.sha256)

    @property
    def source(self) -> Source:
        first, *others = self.packages
        name = f"{first.name} to {others[-1].name}" if others else first.name
        return Source(
            name=f"{self.alias.rpartition('/')[2]} (PyPI: {name})",
            version=first.version,
            licence=self.licence,
            sha256=self.sha256,
            used_for="weights, tokenizer and chat template",
        )


def load_language_model(packaged: PackagedModel, source: str | None, workdir: Path) -> LanguageModel:
    """`packaged`, or what is in the folder or hub repository `source`: GGUF, or safetensors with a configuration.

    Raises TrainingError if that is no decoder that can be exported.
    """
    if not source:
        model = _of_gguf(packaged.fetch(workdir), packaged.source, packaged.alias.rpartition("/")[2])
        others = [id for token in packaged.also_ends for id in model.tokenizer.encode(token).ids]
        return replace(model, ends=[*model.ends, *others], alias=packaged.alias, is_packaged=True)
    found = given(source, "model", (*FILES, *TEMPLATES))
    weights = sorted(found.folder.glob("*.safetensors"))
    if not weights:
        files = sorted(found.folder.glob("*.gguf"))
        if len(files) != 1:
            raise TrainingError(f"{found.folder} has no *.safetensors and {len(files)} *.gguf; one of these is needed")
        return _of_gguf(files[0], found.source(files, "weights, tokenizer and chat template"), found.name)
    missing = [name for name in (CONFIG, TOKENIZER) if not (found.folder / name).is_file()]
    if missing:
        raise TrainingError(f"{found.folder} has no {', '.join(missing)}")
    decoder = _load(found.folder)
    template = _template(found.folder)
    used = [*weights, found.folder / CONFIG, found.folder / TOKENIZER]
    return LanguageModel(
        found.name,
        decoder,
        _tokenizer(found.folder / TOKENIZER, decoder),
        template,
        _ends(decoder, found.folder),
        found.source(used, "weights, tokenizer and chat template"),
    )


def _of_gguf(path: Path, source: Source, name: str) -> LanguageModel:
    file = GgufFile(path)
    return LanguageModel(name, file.load(), file.tokenizer(), file.template, [file.end_token], source)


def _load(folder: Path) -> Decoder:
    config = _read(folder / CONFIG)
    kind = str(config.get("model_type"))
    if kind not in KINDS:
        raise TrainingError(f"{folder} holds a {kind}; what can be exported is {', '.join(KINDS)}")
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        loaded: Any = KINDS[kind][1].from_pretrained(
            folder, local_files_only=True, dtype="float32", output_loading_info=True
        )
    except (OSError, RuntimeError, ValueError, TypeError, SafetensorError) as error:
        raise TrainingError(f"{folder} cannot be loaded as a {kind}: {first_line(error)}") from error
    decoder, notes = loaded
    if missing := sorted(notes["missing_keys"]):  # which would be drawn by chance
        raise TrainingError(f"{folder} lacks weights of a {kind}, such as {missing[0]}")
    stated = decoder.config
    if stated.hidden_act != "silu":
        raise TrainingError(f"{folder} has {stated.hidden_act} for a gate; only silu can be exported")
    if getattr(stated, "use_sliding_window", False):
        raise TrainingError(f"{folder} attends to a sliding window, which cannot be exported")
    if (positions := stated.rope_parameters["rope_type"]) not in POSITIONS:
        raise TrainingError(f"{folder} has {positions} positions; what can be exported is {', '.join(POSITIONS)}")
    found: Decoder = decoder.eval()
    return found


def _template(folder: Path) -> str:
    if (alone := folder / "chat_template.jinja").is_file():
        return alone.read_text(encoding="utf-8")
    path = folder / "tokenizer_config.json"
    stated = _read(path).get("chat_template") if path.is_file() else None
    if isinstance(stated, list):  # several, by name
        stated = next((one["template"] for one in stated if one.get("name") == "default"), None)
    return stated or ""


def _tokenizer(path: Path, decoder: Decoder) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more exact
        raise TrainingError(f"{path} is not a tokenizer: {error}") from error
    if (known := tokenizer.get_vocab_size()) > decoder.config.vocab_size:
        raise TrainingError(f"{path} knows {known} tokens, and the decoder beside it {decoder.config.vocab_size}")
    return tokenizer


def _ends(decoder: Decoder, folder: Path) -> list[int]:
    stated: Any = decoder.generation_config.eos_token_id if decoder.generation_config else None
    stated = decoder.config.eos_token_id if stated is None else stated
    if stated is None:
        raise TrainingError(f"{folder / CONFIG} does not state eos_token_id")
    return list(stated) if isinstance(stated, list) else [stated]


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"{path} is not a JSON object: {first_line(error)}") from error
