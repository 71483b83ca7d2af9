"""The language model that a recipe starts from: out of packages, or in the files that the hub has of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from app.repository.manifest import Source
from training.data.fetch.pypi import Package, fetch
from training.data.fetch.verified import joined
from training.data.gguf_file import GgufFile
from training.data.own.source import given
from training.data.reading_json import read_json
from training.errors import TrainingError
from training.libraries import require_torch
from training.networks.plain_decoder import PlainDecoder

if TYPE_CHECKING:
    from training.networks.decoder import Decoder

CONFIG, TOKENIZER, TEMPLATE = "config.json", "tokenizer.json", "chat_template.jinja"
FILES = (CONFIG, TOKENIZER, "*.safetensors", "*.safetensors.index.json", "generation_config.json", "*.gguf")
TEMPLATES = ("tokenizer_config.json", TEMPLATE)


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A decoder in fp32 and what it reads with. `template`: of a chat, in Jinja; "" if there is none.

    `network` makes the decoder as transformers has it, which needs torch.
    `ends`: the ids of tokens that end an answer. `alias`: its id on the hub, if that is known.
    """

    name: str
    decoder: PlainDecoder
    network: "Callable[[], Decoder]"
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
    require_torch(f"a decoder out of safetensors, {found.folder},")
    from training.data.own.decoder import ends_of, load_decoder
    from training.networks.decoder import plain

    network = load_decoder(found.folder)
    decoder, template = plain(network), _template(found.folder)
    used = [*weights, found.folder / CONFIG, found.folder / TOKENIZER]
    return LanguageModel(
        found.name,
        decoder,
        lambda: network,
        _tokenizer(found.folder / TOKENIZER, decoder),
        template,
        ends_of(network, found.folder),
        found.source(used, "weights, tokenizer and chat template"),
    )


def _of_gguf(path: Path, source: Source, name: str) -> LanguageModel:
    file = GgufFile(path)
    return LanguageModel(name, file.load(), file.network, file.tokenizer(), file.template, [file.end_token], source)


def _template(folder: Path) -> str:
    if (alone := folder / "chat_template.jinja").is_file():
        return alone.read_text(encoding="utf-8")
    path = folder / "tokenizer_config.json"
    stated = read_json(path).get("chat_template") if path.is_file() else None
    if isinstance(stated, list):  # several, by name
        stated = next((one["template"] for one in stated if one.get("name") == "default"), None)
    return stated or ""


def _tokenizer(path: Path, decoder: PlainDecoder) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more exact
        raise TrainingError(f"{path} is not a tokenizer: {error}") from error
    if (known := tokenizer.get_vocab_size()) > decoder.sizes.vocabulary:
        raise TrainingError(f"{path} knows {known} tokens, and the decoder beside it {decoder.sizes.vocabulary}")
    return tokenizer
