"""Files that CTranslate2 could read, written here byte by byte."""

import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from app.tensors import Array
from training.data.ctranslate2_file import TYPES, read_ctranslate2
from training.errors import TrainingError

NUMBERS = {kind: number for number, kind in TYPES.items()}
CODES = np.array([[-127, 2, 3], [4, 5, 127]], np.int8)
ENTRIES = {
    "encoder/weight": np.array([[0.5, -1.5], [2.0, 0.25]], np.float16),
    "encoder/bias": np.array([0.1, 0.2], np.float32),
    "decoder/weight": CODES,
    "decoder/weight_scale": np.array([2.0, 4.0], np.float32),
    "decoder/num_heads": np.array(6, np.int16),
}
ALIASES = {"projection/weight": "decoder/weight"}


def text(content: str) -> bytes:
    return struct.pack("<H", len(content) + 1) + content.encode() + b"\0"


def variable(name: str, array: Array) -> bytes:
    head = text(name) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
    return head + struct.pack("<BI", NUMBERS[array.dtype], array.nbytes) + array.tobytes()


def write(path: Path, entries: Mapping[str, Array | bytes], *, aliases: Mapping[str, str] = ALIASES) -> Path:
    content = struct.pack("<I", 6) + text("SmallSpec") + struct.pack("<II", 3, len(entries))
    content += b"".join(one if isinstance(one, bytes) else variable(name, one) for name, one in entries.items())
    content += struct.pack("<I", len(aliases)) + b"".join(text(alias) + text(name) for alias, name in aliases.items())
    path.write_bytes(content)
    return path


def read(path: Path) -> dict[str, Array]:
    return read_ctranslate2(path, "SmallSpec")


def test_weights_are_read_by_their_names(tmp_path: Path) -> None:
    found = read(write(tmp_path / "model.bin", ENTRIES))

    assert set(found) == {"encoder/weight", "encoder/bias", "decoder/weight", "decoder/num_heads", "projection/weight"}
    np.testing.assert_array_equal(found["encoder/weight"], [[0.5, -1.5], [2.0, 0.25]])
    np.testing.assert_array_equal(found["decoder/weight"], CODES / np.array([[2], [4]]))
    assert found["encoder/weight"].dtype == found["decoder/weight"].dtype == np.float32
    assert found["decoder/num_heads"] == 6
    assert found["projection/weight"] is found["decoder/weight"]


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "model.bin", ENTRIES)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(TrainingError, match="is cut short"):
            read(path)


def test_a_damaged_file_is_read_or_refused_in_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "model.bin", ENTRIES)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for value in (0, 0x7F, 0x80, 0xFF):
            path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            with suppress(TrainingError):
                read(path)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param(
            {"w": text("w") + struct.pack("<BBI", 0, 5, 2) + bytes(2)}, "holds w in type 5", id="another type"
        ),
        pytest.param(
            {"w": text("w") + struct.pack("<BIBI", 1, 3, 0, 8) + bytes(8)},
            r"w of shape \(3,\) in 8 bytes",
            id="fewer numbers than stated",
        ),
        pytest.param({"w": CODES, "w_scale": np.ones(3, np.float32)}, "scales of another", id="scales of columns"),
        pytest.param({"w": CODES, "w_scale": np.zeros(2, np.float32)}, "scales of another", id="scales of zero"),
        pytest.param(
            {"w": np.ones(2, np.float32), "w_scale": np.ones(2, np.float32)}, "scales of another", id="scaled floats"
        ),
    ],
)
def test_a_weight_that_cannot_be_read_is_refused(
    changed: Mapping[str, Array | bytes], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=reason):
        read(write(tmp_path / "model.bin", {**ENTRIES, **changed}))


def test_an_alias_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="says that a is b, which it does not hold"):
        read(write(tmp_path / "model.bin", ENTRIES, aliases={"a": "b"}))


def test_another_kind_and_another_version_and_more_bytes_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "model.bin", ENTRIES)
    with pytest.raises(TrainingError, match="of the kind 'SmallSpec', and 'WhisperSpec' is needed"):
        read_ctranslate2(path, "WhisperSpec")
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0")
    with pytest.raises(TrainingError, match="has 1 bytes more than it states"):
        read(path)
    path.write_bytes(b"\5" + whole[1:])
    with pytest.raises(TrainingError, match="states version 5 of CTranslate2's format; only 6 can be read"):
        read(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"model\.bin cannot be read"):
        read(tmp_path / "model.bin")
