import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import line_recipe
import pytest
from conftest import publish_sentiment
from line_recipe import run_as_command
from test_committed_versions import card_says
from torch.utils.data import TensorDataset
from waiting import eventually

from app.repository.manifest import Manifest, Metric
from app.repository.repository import ModelRepository
from training.__main__ import main
from training.measures.verdict import TINY
from training.recipe import Draft, Run
from training.recipes import RECIPES, Listed, load_recipe


def test_the_list_shows_every_recipe(capsys):
    assert main(["list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_found_under_its_own_name(name):
    assert (load_recipe(name).name, load_recipe(name).task) == (name, RECIPES[name].task)


def test_an_unknown_recipe_is_one_sentence_and_a_status(capsys):
    assert main(["alchemy"]) == 2
    assert capsys.readouterr().err.startswith("unknown recipe alchemy; there are: imagenet-efficientnet")


def test_what_is_there_is_not_made_again_and_no_training_library_is_loaded(tmp_path):
    publish_sentiment(tmp_path / "models", tmp_path / "scratch", name="reviews-sentiment")
    code = (
        "import sys; from training.__main__ import main; "
        f"status = main(['--if-missing', '--models', {str(tmp_path / 'models')!r}, 'reviews-sentiment']); "
        "sys.exit(status or ('torch' in sys.modules or 'onnxruntime' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert len(list((tmp_path / "models" / "reviews-sentiment").iterdir())) == 1


LINE = Listed("line_recipe", "tensors", "a line")


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """`python -m training line` with further options."""
    monkeypatch.setitem(RECIPES, "line", LINE)
    monkeypatch.chdir(tmp_path)
    return lambda *options: main(["line", *options])


def published(root: Path) -> list[Manifest]:
    return [
        Manifest.model_validate_json(path.read_bytes()) for path in sorted(root.glob("models/line/*/manifest.json"))
    ]


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the line was trained, and then once more."""
    folder = tmp_path_factory.mktemp("twice")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "line", LINE)
        patch.chdir(folder)
        assert (main(["line"]), main(["line"])) == (0, 0)
    return folder


def test_a_recipe_is_trained_verified_and_published_with_its_card(twice):
    manifest, _ = published(twice)
    assert manifest.verification.inputs == 5
    assert max(manifest.verification.batch_1, manifest.verification.batch_n) < 1e-5
    assert manifest.card.pictures == ("card/losses.png",)
    files = ModelRepository(twice / "models").verify(manifest)
    assert {"card.md", "card/losses.png"} <= files.keys()
    card = files["card.md"].read_text(encoding="utf-8")
    assert card_says(card, manifest)
    for part in ("![Losses](card/losses.png)", "Because it is *short*.", "- It knows one line.", "line --seed 0", "4"):
        assert part in card
    assert r"zero \| nothing" in card


def test_a_model_may_have_a_name_of_its_own(line, tmp_path):
    assert line("--name", "my-line") == 0
    [path] = tmp_path.glob("models/*/*/manifest.json")
    manifest = Manifest.model_validate_json(path.read_bytes())
    assert (manifest.name, manifest.provenance.recipe, path.parent.parent.name) == ("my-line", "line", "my-line")
    assert manifest.provenance.command == "python -m training line --seed 0 --name my-line"
    assert (path.parent / "card.md").read_text(encoding="utf-8").startswith("# my-line\n")
    assert line("--name", "my-line", "--if-missing") == 0
    assert len(list(tmp_path.glob("models/*/*/manifest.json"))) == 1


@pytest.mark.parametrize("arguments", [["line", "--name", "My Line"], ["line", "alchemy", "--name", "mine"]])
def test_a_name_that_cannot_be_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "--name" in capsys.readouterr().err


def test_a_second_run_has_the_same_metrics(twice):
    first, second = published(twice)
    for one, other in zip(first.metrics, second.metrics, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-6)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_a_run_that_is_stopped_publishes_nothing_and_resumes_to_the_same_metrics(how, line, twice, tmp_path):
    _, expected = published(twice)  # the second, which spent no time on loading libraries
    command, environment = run_as_command(["line", "--workdir", str(tmp_path / "cut")], LINE_PAUSE_S="1.5")
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    eventually((tmp_path / "cut" / "line" / "fit" / "last.ckpt").exists, 120)
    process.send_signal(how)
    _, told = process.communicate(timeout=120)
    assert process.returncode == (-signal.SIGKILL if how is signal.SIGKILL else 130)
    if how is not signal.SIGKILL:
        assert told.splitlines()[-1] == "interrupted; nothing half made was published, and --resume goes on"
    assert "Traceback" not in told
    assert not published(tmp_path)
    assert line("--workdir", "cut", "--resume") == 0
    [resumed] = published(tmp_path)
    for one, other in zip(resumed.metrics, expected.metrics, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-6)
    assert resumed.provenance.duration_s > 1.5 + expected.provenance.duration_s / 10  # an epoch's pause before it


def test_a_full_disk_is_one_sentence_and_publishes_nothing(line, tmp_path, capsys):
    folder = tmp_path / "build" / "training" / "line"
    (folder / "fit").mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"seed": 0, "tiny": False, "source": None, "precision": "32-true"}))
    (folder / "fit" / "metrics.csv").symlink_to("/dev/full")
    assert line("--resume") == 1
    assert re.fullmatch(r"error: .*[Nn]o space left on device.*|error: the disk is full.*", last_line(capsys))
    assert not published(tmp_path)


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        pytest.param(["--source", "x/y"], 1, "takes no --source", id="source of a recipe that takes none"),
        pytest.param(["--name", "fashion-mnist"], 1, "choose another --name", id="the name of another recipe"),
        pytest.param(["--workdir", "."], 1, "holds files that no training left there", id="a folder of somebody else"),
    ],
)
def test_what_cannot_be_is_one_sentence(line, tmp_path, capsys, options, status, says):
    (tmp_path / "line").mkdir()
    (tmp_path / "line" / "thesis.tex").touch()
    assert line(*options) == status
    assert says in last_line(capsys)
    assert not published(tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        *(["--seed", seed] for seed in ("-1", "1.5", "x", "", str(2**32), "9" * 5000, "nan", "٣")),
        *(
            [option, count]
            for option in ("--devices", "--nodes")
            for count in ("0", "-1", "x", "1e3", "65", "9" * 5000)
        ),
        *(["--name", name] for name in ("My Line", "../line", "", "x" * 100)),
        ["--precision", "7"],
        ["--source", " "],
    ],
    ids=lambda options: " ".join(options)[:40],
)
def test_an_option_with_a_bad_value_is_one_sentence(line, options, capsys):
    with pytest.raises(SystemExit, match="2"):
        line(*options)
    *_, said = capsys.readouterr().err.splitlines()
    assert f"argument {options[0]}: " in said
    assert len(said) < 300
    assert "_seed" not in said


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--models", "error: --models thesis.tex/models cannot be a folder, since .*thesis.tex is a file"),
        ("--workdir", "error: thesis.tex/models/line cannot be a folder, since a file is in its place.*"),
    ],
)
def test_a_file_where_a_folder_is_needed_is_one_sentence(line, tmp_path, option, says, capsys):
    (tmp_path / "thesis.tex").touch()
    assert line(option, "thesis.tex/models") == 1
    assert re.fullmatch(says, last_line(capsys))


@pytest.mark.parametrize("rank", ["x", "2", "-1", ""])
def test_a_rank_that_is_none_is_one_sentence(line, rank, monkeypatch, capsys):
    monkeypatch.setenv("NODE_RANK", rank)
    assert line("--nodes", "2") == 1
    assert last_line(capsys) == f"error: NODE_RANK is {rank!r}; of 2 nodes it is 0 to 1"


def test_what_a_tiny_run_makes_is_not_published(line, tmp_path, capsys):
    assert line("--tiny") == 0
    assert not published(tmp_path)
    assert "line: tried, and not published" in last_line(capsys)
    folder = tmp_path / "build" / "training" / "line" / "tried" / "line" / "1"
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    assert manifest.limits[0] == TINY
    assert f"> **Warning.** {TINY}" in (folder / "card.md").read_text(encoding="utf-8")
    assert line("--tiny", "--publish-anyway") == 0
    [manifest] = published(tmp_path)
    assert manifest.limits[0] == TINY


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Makes the line one's own data, beside a baseline with such a loss."""

    def made(loss: float) -> None:
        def make(known: TensorDataset, run: Run) -> Draft:
            draft = line_recipe.make(known, run)
            found = Metric(name="loss", value=0.5, dataset="a line", split="all", baselines={"mean": loss})
            return replace(draft, metrics=[found], has_own_data=True)

        recipe = replace(line_recipe.RECIPE, make=make, takes_source=True, must_lead={"loss": "less"})
        monkeypatch.setattr(line_recipe, "RECIPE", recipe)

    return made


def test_own_data_behind_a_baseline_is_refused_or_published_with_a_warning(line, own, tmp_path, capsys):
    own(0.25)
    assert line() == 1
    assert last_line(capsys) == (
        "error: line is not published: loss is 0.5, and mean has 0.25; "
        "--resume --publish-anyway publishes it, and its card says so"
    )
    assert not published(tmp_path)
    assert line("--resume", "--publish-anyway") == 0
    warning = "It is not good enough, and was published anyway: loss is 0.5, and mean has 0.25."
    assert f"WARNING: {warning}" in capsys.readouterr().err
    [manifest] = published(tmp_path)
    assert manifest.limits[0] == warning
    assert manifest.provenance.command.endswith("--publish-anyway")
    assert f"> **Warning.** {warning}" in (tmp_path / "models/line/1/card.md").read_text(encoding="utf-8")


def test_own_data_level_with_a_baseline_is_published_with_a_warning(line, own, tmp_path, capsys):
    own(0.5)
    assert line() == 0
    [manifest] = published(tmp_path)
    assert manifest.limits[0] == "It is no better than a simpler way: loss is 0.5, and mean has as much."
    assert f"WARNING: {manifest.limits[0]}" in capsys.readouterr().err


def test_own_data_ahead_of_its_baselines_is_published_without_a_warning(line, own, tmp_path):
    own(0.75)
    assert line() == 0
    [manifest] = published(tmp_path)
    assert manifest.limits == ("It knows one line.",)


def test_the_list_loads_no_training_library():
    code = "import sys; from training.__main__ import main; main(['list']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2]).returncode == 0


def test_a_source_that_the_run_would_clear_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weights = tmp_path / "build" / "training" / "reviews-sentiment" / "network.safetensors"
    weights.parent.mkdir(parents=True)
    (weights.parent / "run.json").touch()
    weights.touch()
    assert main(["reviews-sentiment", "--source", "build/training/reviews-sentiment"]) == 1
    assert "which a run begins by clearing" in last_line(capsys)
    assert weights.exists()


def test_a_model_that_another_recipe_made_is_not_continued(line, tmp_path, capsys):
    publish_sentiment(tmp_path / "models", tmp_path / "scratch", name="mine")
    assert line("--name", "mine") == 1
    assert last_line(capsys) == "error: mine is the name of a model that line does not make; choose another --name"


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.splitlines()[-1]
