"""The peers' environments: each has its own under build/bench/generation, made when it is first asked for."""

import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from benchmarks.generation.asks import FOLDER
from benchmarks.generation.weights import NotAvailable, Say

REQUIREMENTS = Path(__file__).parent / "requirements"
LLAMA_SERVER = FOLDER / "llama" / "bin" / "llama-server"
# Packages that come along, do not fit the torch beside them, and are not needed for text.
WITHOUT = {"vllm": ("torchaudio", "torchcodec", "torchvision")}
# Virtual machines may say that they have AMX, and end who uses it.
LLAMA_FLAGS = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
LLAMA_SOURCE = "llama-cpp-python==0.3.36"  # the only package that has the source of llama-server


def python_of(name: str, say: Say) -> Path:
    """The interpreter that has the packages of requirements/`name`.txt. Raises NotAvailable."""
    folder, wanted = FOLDER / name, REQUIREMENTS / f"{name}.txt"
    python, stamp = folder / "bin" / "python", folder / "installed"
    if not stamp.is_file() or stamp.read_text() != wanted.read_text():
        say(f"installing {name}")
        _run([sys.executable, "-m", "venv", str(folder)], name)
        _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(wanted)], name)
        if name in WITHOUT:
            _run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *WITHOUT[name]], name)
        stamp.write_text(wanted.read_text())
    return python.absolute()


def llama_server(say: Say) -> Path:
    """llama-server, built from source once. Raises NotAvailable."""
    if not LLAMA_SERVER.is_file():
        say("building llama-server: some minutes")
        if not (cmake := shutil.which("cmake")):
            raise NotAvailable("cmake and a compiler are needed to build it")
        source = _llama_source() / "vendor" / "llama.cpp"
        build = str(LLAMA_SERVER.parents[1])
        settings = ("LLAMA_CURL=OFF", "CMAKE_BUILD_TYPE=Release", *_flags())
        _run([cmake, "-S", str(source), "-B", build, *(f"-D{one}" for one in settings)], "llama-server")
        _run([cmake, "--build", build, "--target", "llama-server", "-j2"], "llama-server")
    return LLAMA_SERVER.absolute()


def _flags() -> tuple[str, ...]:
    if platform.machine() != "x86_64":
        return ()
    return f"CMAKE_C_FLAGS={LLAMA_FLAGS}", f"CMAKE_CXX_FLAGS={LLAMA_FLAGS}"


def _llama_source() -> Path:
    folder = FOLDER / "src"
    unpacked = folder / LLAMA_SOURCE.replace("-", "_").replace("==", "-")
    if not unpacked.is_dir():
        download = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "llama-cpp-python", LLAMA_SOURCE]
        _run([sys.executable, *download, "-d", str(folder)], "llama-server")
        [archive] = folder.glob("llama_cpp_python-*.tar.gz")
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
    return unpacked


def _run(command: list[str], name: str) -> None:
    log = FOLDER / "logs" / f"{name}.install.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        done = subprocess.run(["nice", "-n", "15", *command], stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise NotAvailable(f"cannot be installed here: {' '.join(last)[:200]}")
