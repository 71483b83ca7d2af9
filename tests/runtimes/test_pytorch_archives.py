"""Archives of PyTorch that would run code of their own: none is opened."""

import io
import json
import pickle
import shutil
import subprocess
import sys
from copy import copy
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import torch
from test_pytorch import ON_CPU, batch_of, program
from torch.export.pt2_archive import PT2ArchiveReader, PT2ArchiveWriter

from app.errors import InvalidArtifact
from app.runtimes.archive import CONSTANTS, PROGRAM, SAMPLE_INPUTS, WEIGHTS
from app.runtimes.pytorch import load_pytorch

__all__ = ["program"]


def forged(original: Path, path: Path, replaced: dict[str, bytes]) -> Path:
    """A copy of an archive in which some records are others."""
    reader = PT2ArchiveReader(str(original))
    names = [name for name in reader.get_file_names() if not name.startswith(".data/") and name != "byteorder"]
    with PT2ArchiveWriter(str(path)) as writer:
        for name in names:
            writer.write_bytes(name, replaced.get(name, reader.read_bytes(name)))
        for name in replaced.keys() - set(names):
            writer.write_bytes(name, replaced[name])
    return path


def edited(original: Path, record: str, old: str, new: str) -> bytes:
    """A record of JSON in which every text `old` is another."""
    text = PT2ArchiveReader(str(original)).read_string(record)
    assert json.dumps(old) in text
    return text.replace(json.dumps(old), json.dumps(new)).encode()


class Touch:
    """A file comes of it where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def saved_by_torch(value) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def pickled_payload(program: Path, config: str) -> bytes:
    payloads = json.loads(PT2ArchiveReader(str(program)).read_string(config))
    next(iter(payloads["config"].values()))["use_pickle"] = True
    return json.dumps(payloads).encode()


def size_of(program: Path) -> str:
    """Return the program's own text for its varying size."""
    text = PT2ArchiveReader(str(program)).read_string(PROGRAM)
    found = text.partition('"expr_str": "')[2].partition('"')[0]
    assert found.startswith("Symbol(")
    return found


def with_key(program: Path, key: str) -> bytes:
    return json.dumps(json.loads(PT2ArchiveReader(str(program)).read_string(PROGRAM)) | {key: {}}).encode()


# Each makes an archive that, opened by torch.export.load or called afterwards, would run this code.
ATTACKS = {
    "pickled sample inputs": lambda program, mark: {SAMPLE_INPUTS: saved_by_torch((Touch(mark),))},
    "pickled weight": lambda program, mark: {
        WEIGHTS: pickled_payload(program, WEIGHTS), "data/weights/weight_0": saved_by_torch(Touch(mark))
    },
    "pickled constant": lambda program, mark: {
        CONSTANTS: pickled_payload(program, CONSTANTS), "data/constants/tensor_0": saved_by_torch(Touch(mark))
    },
    "pickled state of the old form": lambda program, mark: {"data/weights/model.pt": saved_by_torch((Touch(mark),))},
    "expression": lambda program, mark: {
        PROGRAM: edited(program, PROGRAM, size_of(program), f"__import__('pathlib').Path({str(mark)!r}).touch()")
    },
}  # fmt: skip
# Each is refused as well; most of these would run only when the program is called.
SUSPECTS = {
    "compiled library": lambda program: {"data/aotinductor/model/model.so": b"\x7fELF"},
    "second program": lambda program: {"models/other.json": b"{}"},
    "extra file": lambda program: {"extra/run.py": b""},
    "opaque object": lambda program: {"data/constants/opaque_obj_0": pickle.dumps(1)},
    "function of Python": lambda program: {
        PROGRAM: edited(program, PROGRAM, "torch.ops.aten.linear.default", "torch.os.system")
    },
    "operator that reads files": lambda program: {
        PROGRAM: edited(program, PROGRAM, "torch.ops.aten.linear.default", "torch.ops.aten.from_file.default")
    },
    "name that is source code": lambda program: {
        PROGRAM: edited(program, PROGRAM, "linear", "x):\n    import os\n    return (y")
    },
    "name that is special to Python": lambda program: {PROGRAM: edited(program, PROGRAM, "linear", "x.__class__")},
    "attribute in a size": lambda program: {PROGRAM: edited(program, PROGRAM, size_of(program), "Symbol.mro")},
    "text to parse in a size": lambda program: {PROGRAM: edited(program, PROGRAM, size_of(program), "Add('1','2')")},
    "foreign function in a size": lambda program: {
        PROGRAM: edited(program, PROGRAM, size_of(program), "lambdify(Integer(1), Integer(2))")
    },
    "object that is no tensor": lambda program: {PROGRAM: with_key(program, "as_custom_obj")},
    "key that is source code": lambda program: {PROGRAM: with_key(program, "x):\n    import os\n    return (y")},
    "container that imports a module": lambda program: {
        PROGRAM: edited(
            program,
            PROGRAM,
            json.loads(PT2ArchiveReader(str(program)).read_string(PROGRAM))["graph_module"]["module_call_graph"][0][
                "signature"
            ]["out_spec"],
            json.dumps([1, {"type": "collections.defaultdict", "context": "{}", "children_spec": []}]),
        )
    },
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_no_code_of_an_archive_runs(program, tmp_path, attack):
    mark = tmp_path / "code-ran"
    path = forged(program, tmp_path / "model.pt2", attack(program, mark))
    with pytest.raises(InvalidArtifact, match=r"^model\.pt2 is not an exported program that can be run"):
        load_pytorch(path, ON_CPU)
    assert not mark.exists()


def test_the_attacks_are_real(program, tmp_path):
    """Without the check, the same archives do run their code; else the test above would show nothing."""
    marks = {}
    for attack in ("pickled sample inputs", "pickled weight", "pickled constant", "expression"):
        path = tmp_path / attack.replace(" ", "-") / "model.pt2"
        path.parent.mkdir()
        marks[path] = path.with_name("code-ran")
        forged(program, path, ATTACKS[attack](program, marks[path]))
    code = """
import sys, torch
for path in sys.argv[1:]:
    try:
        torch.export.load(path)
    except Exception:
        pass
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, *map(str, marks)], check=True, capture_output=True)
    assert all(mark.exists() for mark in marks.values())


@pytest.mark.parametrize("suspect", SUSPECTS.values(), ids=SUSPECTS)
def test_what_is_not_known_to_be_harmless_is_refused(program, tmp_path, suspect):
    path = forged(program, tmp_path / "model.pt2", suspect(program))
    with pytest.raises(
        InvalidArtifact, match=r"not known to be harmless|no part of a plain|is not a name|not a tensor"
    ):
        load_pytorch(path, ON_CPU)


def test_guards_of_a_program_are_not_run(program, tmp_path):
    """They are source code, and torch makes some for any program whose inputs share a size."""
    mark = tmp_path / "code-ran"
    content = json.loads(PT2ArchiveReader(str(program)).read_string(PROGRAM))
    content["guards_code"] = [f"__import__('pathlib').Path({str(mark)!r}).touch() is None"]
    path = forged(program, tmp_path / "model.pt2", {PROGRAM: json.dumps(content).encode()})
    load_pytorch(path, ON_CPU).run(batch_of(2))
    assert not mark.exists()


def test_an_archive_that_is_packed_is_refused_before_it_is_unpacked(program, tmp_path):
    path = tmp_path / "model.pt2"
    with ZipFile(program) as original, ZipFile(path, "w", ZIP_DEFLATED) as packed:
        for name in original.namelist():
            content = bytes(200_000_000) if name.endswith("weight_0") else original.read(name)
            packed.writestr(name, content)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(InvalidArtifact, match="is compressed, which torch"):
        load_pytorch(path, ON_CPU)


def test_an_archive_whose_files_overlap_is_refused(program, tmp_path):
    path = tmp_path / "model.pt2"
    shutil.copy(program, path)
    with ZipFile(path, "a") as archive:
        (largest,) = [one for one in archive.infolist() if one.filename.endswith("weight_0")]
        for i in range(1000, 3000):  # two thousand names for the same bytes
            again = copy(largest)
            again.filename = largest.filename.replace("weight_0", f"weight_{i}")
            again.file_size = again.compress_size = path.stat().st_size - largest.header_offset - 500
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
        archive.comment = b"the directory is written anew"
    with pytest.raises(InvalidArtifact, match="its files overlap"):
        load_pytorch(path, ON_CPU)


def test_a_copied_archive_loads(program, tmp_path):
    """The forger itself breaks nothing."""
    load_pytorch(forged(program, tmp_path / "model.pt2", {}), ON_CPU)
