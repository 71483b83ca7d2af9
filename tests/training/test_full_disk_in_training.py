"""An import without room for its graph, and a recipe without room: one sentence, and nothing published."""

from pathlib import Path

from test_full_disk import run
from tiny_encoders import save_encoder


def test_an_import_without_room_says_so_and_publishes_nothing(tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "mine", "bert", "ForSequenceClassification", num_labels=3)
    places = ["--models", str(tmp_path / "models"), "--workdir", str(tmp_path / "work")]
    ended = run("training", "import", str(folder), *places, most_bytes=50_000, folder=tmp_path)
    assert ended.returncode == 1
    assert (
        ended.stderr.splitlines()[-1] == "error: nothing is published, since there is no room to write: File too large"
    )
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.glob("models/*"))
