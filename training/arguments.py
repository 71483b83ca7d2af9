"""The arguments of `python -m training <recipe>`, and what each of them may be."""

import argparse
import re
import sys
from pathlib import Path

from app.repository.manifest import LONGEST_NAME, is_model_name

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "64-true")
LARGEST_SEED = 2**32 - 1  # that scikit-learn takes
MOST_TRIALS = 10_000
MOST_PROCESSES = 64  # of one machine without GPUs; more would only wait for each other


def parser_of_recipes(about: str) -> argparse.ArgumentParser:
    called = "tessera train" if Path(sys.argv[0]).stem == "tessera" else "python -m training"
    parser = argparse.ArgumentParser(prog=called, description=about)
    parser.add_argument("recipes", nargs="+", metavar="recipe", help="`list` shows them")
    parser.add_argument("--models", type=Path, default=Path("models"), help="the repository to publish to")
    parser.add_argument("--seed", type=_seed, default=0)
    parser.add_argument("--if-missing", action="store_true", help="skip a recipe that has a published version")
    parser.add_argument(
        "--tiny", action="store_true", help="a tiny slice of the data, for trying a recipe out; nothing is published"
    )
    parser.add_argument("--resume", action="store_true", help="go on where an interrupted run stopped")
    parser.add_argument(
        "--workdir",
        type=Path,
        default=Path("build/training"),
        help="each recipe has a folder there, for its checkpoints",
    )
    parser.add_argument(
        "--source", type=_not_empty, help="a hub id, a local folder or a file instead of the packaged data or weights"
    )
    parser.add_argument("--text", type=_not_empty, metavar="COLUMN", help="the column of texts, if not `text`")
    parser.add_argument("--label", type=_not_empty, metavar="COLUMN", help="that of labels, if not `label`")
    parser.add_argument("--separator", help="what stands between several labels of a text, such as ';'")
    parser.add_argument("--target", type=_not_empty, metavar="COLUMN", help="of a table of one's own: what is told")
    parser.add_argument(
        "--languages", type=_not_empty, metavar="FROM,TO", help="of one's own model, if its tokenizer does not tell"
    )
    parser.add_argument("--prefix", help="what one's own model reads before every text, such as 'summarize: '")
    parser.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the training, such as epochs=8; may be given several times",
    )
    parser.add_argument(
        "--search", type=_trials, default=0, metavar="TRIALS", help="first try other settings, by the validation"
    )
    parser.add_argument(
        "--tensorboard", action="store_true", help="write the course of each training for TensorBoard as well"
    )
    parser.add_argument("--name", type=_model_name, help="of the model that is published, if not as its recipe")
    parser.add_argument("--variants", action="store_true", help="publish the recipe's other precisions as well")
    parser.add_argument(
        "--publish-anyway",
        action="store_true",
        help="even if it is not good enough, or was only tried; its card says so",
    )
    parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0], help="of the training")
    parser.add_argument("--devices", type=_processes, default=1, help="GPUs, or processes where there is no GPU")
    parser.add_argument(
        "--nodes", type=_processes, default=1, help="machines that share --workdir, each with its $NODE_RANK"
    )
    return parser


def _whole(text: str, least: int, most: int) -> int:
    if not re.fullmatch("[+-]?[0-9]{1,20}", text) or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number from {least} to {most}")
    return int(text)


def _seed(text: str) -> int:
    return _whole(text, 0, LARGEST_SEED)


def _processes(text: str) -> int:
    return _whole(text, 1, MOST_PROCESSES)


def _trials(text: str) -> int:
    return _whole(text, 1, MOST_TRIALS)


def _not_empty(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return text


def _setting(text: str) -> tuple[str, str]:
    name, sign, value = (part.strip() for part in text.partition("="))
    if not (name and sign and value):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no setting, such as epochs=8")
    return name, value


def _model_name(text: str) -> str:
    if not is_model_name(text):
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is no name for a model: lower-case words joined by hyphens, of {LONGEST_NAME} characters"
        )
    return text
