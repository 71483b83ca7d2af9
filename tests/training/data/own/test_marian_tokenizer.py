"""Tokenizers of OPUS-MT folders: pieces of SentencePiece with ids of vocab.json."""

import json
from pathlib import Path

import pytest
from transformers.convert_slow_tokenizer import import_protobuf

from training.data.own.marian_tokenizer import marian_tokenizer
from training.errors import TrainingError

IDS = ["</s>", "<unk>", "▁the", "▁", "t", "h", "e", "▁ferry", "▁Fähre", ">>deu<<", "<pad>"]
PIECES = {"<unk>": 0, "</s>": 0, "▁": -3, "t": -4, "h": -4, "e": -4, "▁the": -1, "▁ferry": -2}


def folder_of(path: Path, ids: list[str] = IDS, model_type: int = 1) -> Path:
    model = import_protobuf().ModelProto()
    for piece, score in PIECES.items():
        model.pieces.add(piece=piece, score=score)
    model.trainer_spec.model_type = model_type
    (path / "source.spm").write_bytes(model.SerializeToString())
    (path / "vocab.json").write_text(json.dumps({token: id for id, token in enumerate(ids)}), encoding="utf-8")
    return path


def test_pieces_have_the_ids_of_the_vocabulary(tmp_path: Path) -> None:
    tokenizer = marian_tokenizer(folder_of(tmp_path))
    assert tokenizer.encode("the  ferry te").tokens == ["▁the", "▁ferry", "▁", "t", "e"]
    assert tokenizer.encode(">>deu<< the ferry x").ids == [9, 2, 7, 3, 1]
    assert tokenizer.decode([8, 2, 0]) == "Fähre the"


def test_other_tokenizers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no unigram model"):
        marian_tokenizer(folder_of(tmp_path, model_type=2))
    with pytest.raises(TrainingError, match="must number its tokens from 0 on, <unk> among them"):
        marian_tokenizer(folder_of(tmp_path, IDS[2:]))
    (tmp_path / "vocab.json").unlink()
    with pytest.raises(TrainingError, match="has no tokenizer of Marian"):
        marian_tokenizer(tmp_path)
