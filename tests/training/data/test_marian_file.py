"""Files that Marian could read, written here byte by byte."""

import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from app.tensors import Array
from training.data.marian_file import FLOAT32, INT8, read_marian
from training.errors import TrainingError

ALIGNED = 256


def entry(kind: int, shape: tuple[int, ...], content: bytes) -> tuple[int, tuple[int, ...], bytes]:
    return kind, shape, content + bytes(-len(content) % ALIGNED)


def fp32(array: Array) -> tuple[int, tuple[int, ...], bytes]:
    return entry(FLOAT32, array.shape, array.astype("<f4").tobytes())


def int8(shape: tuple[int, ...], codes: Array, multiplier: float) -> tuple[int, tuple[int, ...], bytes]:
    return entry(INT8, shape, codes.astype(np.int8).tobytes() + struct.pack("<f", multiplier))


def write(path: Path, entries: dict[str, tuple[int, tuple[int, ...], bytes]], version: int = 1) -> Path:
    names = [name.encode() + b"\0" for name in entries]
    head = struct.pack("<QQ", version, len(entries))
    for name, (kind, shape, content) in zip(names, entries.values(), strict=True):
        head += struct.pack("<QQQQ", len(name), kind, len(shape), len(content))
    head += b"".join(names)
    head += b"".join(struct.pack(f"<{len(shape)}i", *shape) for _, shape, _ in entries.values())
    padding = -(len(head) + 8) % ALIGNED
    head += struct.pack("<Q", padding) + bytes(padding)
    path.write_bytes(head + b"".join(content for _, _, content in entries.values()))
    return path


CODES = np.array([[-127, 2, 3], [4, 5, 127]])
ENTRIES = {
    "Wemb": int8((2, 3), CODES, 2.0),
    "encoder_l1_ffn_W1": int8((2, 3), CODES.T, 4.0),
    "encoder_l1_ffn_b1": fp32(np.array([[0.5, -1.5, 3.0]])),
    "special:model.yml": entry(0x101, (12,), b"dec-depth: 2"),
}


def test_weights_are_read_by_their_names(tmp_path: Path) -> None:
    found = read_marian(write(tmp_path / "model.bin", ENTRIES))

    assert list(found) == ["Wemb", "encoder_l1_ffn_W1", "encoder_l1_ffn_b1"]
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(found["Wemb"], CODES / 2)
    np.testing.assert_array_equal(found["encoder_l1_ffn_W1"], CODES / 4)
    np.testing.assert_array_equal(found["encoder_l1_ffn_b1"], [[0.5, -1.5, 3.0]])


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "model.bin", ENTRIES)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(TrainingError, match="is cut short"):
            read_marian(path)


def test_a_damaged_file_is_read_or_refused_in_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "model.bin", ENTRIES)
    whole = path.read_bytes()
    for place in range(512):
        for value in (0, 0x7F, 0x80, 0xFF):
            path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            with suppress(TrainingError):
                read_marian(path)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param(entry(0x204, (2,), bytes(4)), "W in type 0x204; only fp32", id="another type"),
        pytest.param((FLOAT32, (2, 3), bytes(20)), r"W of shape \(2, 3\) in 20 bytes", id="fewer numbers than stated"),
        pytest.param((INT8, (2, 3), bytes(6)), r"W of shape \(2, 3\) in 6 bytes", id="no multiplier"),
        pytest.param(entry(FLOAT32, (2, -3), bytes(24)), r"W of shape \(2, -3\)", id="a negative dimension"),
        pytest.param(entry(FLOAT32, (), bytes(24)), r"W of shape \(\)", id="no dimension"),
        pytest.param(int8((6,), CODES, 1.0), r"in 8 bits, of shape \(6,\)", id="codes that are no matrix"),
        pytest.param(int8((2, 3), CODES, 0.0), "with the multiplier 0", id="a multiplier of zero"),
        pytest.param(int8((2, 3), CODES, float("nan")), "with the multiplier nan", id="a multiplier that is no number"),
    ],
)
def test_a_weight_that_cannot_be_read_is_refused(
    changed: tuple[int, tuple[int, ...], bytes], reason: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "model.bin", {**ENTRIES, "W": changed})

    with pytest.raises(TrainingError, match=reason):
        read_marian(path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="states version 2 of Marian's format; only version 1 can be read"):
        read_marian(write(tmp_path / "model.bin", ENTRIES, version=2))


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "model.bin", ENTRIES)
    path.write_bytes(path.read_bytes().replace(b"Wemb", b"\xff\xfe\xfd\xfc"))

    with pytest.raises(TrainingError, match="holds a name that is not UTF-8"):
        read_marian(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"model\.bin cannot be read"):
        read_marian(tmp_path / "model.bin")
