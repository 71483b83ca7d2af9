"""The one command for the service and for the training job."""

import subprocess
import sys

import pytest

import tessera


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys, tessera; sys.argv[0] = 'tessera'; s = tessera.main(); print(sorted(sys.modules)); sys.exit(s)"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)


def test_train_is_the_training_job():
    listed = run("train", "list")
    assert listed.returncode == 0
    assert listed.stdout.startswith("imagenet-efficientnet ")
    assert run("train", "nothing").stderr.startswith("unknown recipe nothing; there are: imagenet-efficientnet, ")


def test_all_else_is_the_service_which_imports_nothing_of_training(tmp_path, monkeypatch):
    monkeypatch.setenv("TESSERA_KEYS_FILE", str(tmp_path / "keys.json"))
    listed = run("keys", "list")
    assert listed.returncode == 0
    assert "'training" not in listed.stdout
    assert "'torch'" not in listed.stdout


def test_its_help_names_the_command_that_was_called(monkeypatch, capsys):
    for arguments, usage in ((["--help"], "usage: tessera ["), (["train", "--help"], "usage: tessera train [")):
        monkeypatch.setattr(sys, "argv", ["/somewhere/bin/tessera", *arguments])
        with pytest.raises(SystemExit):
            tessera.main()
        assert capsys.readouterr().out.startswith(usage)
