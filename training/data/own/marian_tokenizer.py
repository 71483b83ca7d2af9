"""The tokenizer of an OPUS-MT folder, whose pieces are in SentencePiece files and whose ids in vocab.json."""

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from training.errors import TrainingError, first_line

SOURCE_PIECES, TARGET_PIECES, IDS = "source.spm", "target.spm", "vocab.json"
UNIGRAM = 1  # model_type in SentencePiece's own file
NEVER = -1e6  # the score of what is only written: a text is cut into it where nothing else is possible
UNKNOWN, SPECIAL = "<unk>", ("</s>", "<unk>", "<pad>")


def marian_tokenizer(folder: Path) -> Tokenizer:
    """Cut texts as `source.spm` does, and write what `vocab.json` has. Raises TrainingError."""
    try:
        ids: dict[str, int] = json.loads((folder / IDS).read_text(encoding="utf-8"))
        pieces = _pieces(folder / SOURCE_PIECES)
    except (OSError, ValueError) as error:
        raise TrainingError(f"{folder} has no tokenizer of Marian: {first_line(error)}") from error
    if sorted(ids.values()) != list(range(len(ids))) or UNKNOWN not in ids:
        raise TrainingError(f"{folder / IDS} must number its tokens from 0 on, {UNKNOWN} among them")
    if pieces.trainer_spec.model_type != UNIGRAM:
        raise TrainingError(f"{folder / SOURCE_PIECES} is no unigram model, which alone can be exported")
    scores = {one.piece: one.score for one in pieces.pieces}
    vocabulary = [(token, scores.get(token, NEVER)) for token in sorted(ids, key=ids.__getitem__)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=ids[UNKNOWN], byte_fallback=False))
    charsmap = pieces.normalizer_spec.precompiled_charsmap
    blanks: list[Any] = [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    tokenizer.normalizer = normalizers.Sequence([*([normalizers.Precompiled(charsmap)] if charsmap else []), *blanks])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens([token for token in SPECIAL if token in ids])
    # Which language is wanted, for example ">>fra<<", is written at the beginning of a text.
    wanted = [token for token in ids if token.startswith(">>") and token.endswith("<<")]
    tokenizer.add_tokens([AddedToken(token, rstrip=True, normalized=False) for token in wanted])
    return tokenizer


def _pieces(path: Path) -> Any:
    """The contents of a SentencePiece file, as its own description of them has them."""
    from transformers.convert_slow_tokenizer import import_protobuf

    model = import_protobuf().ModelProto()  # type: ignore[no-untyped-call]
    model.ParseFromString(path.read_bytes())
    return model
