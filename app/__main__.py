"""python -m app serve | batch IN OUT | tune [MODEL …] | models add … | keys … | events …: from the command line."""

import argparse
import json
import logging
import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

# Read once, when numpy is imported: threads for small products would fight those of the models for the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from app.adding.classes import OUTPUTS
from app.adding.command import add
from app.adding.kinds import OPTIONS
from app.adding.pictures import SCALES
from app.adding.report import report, report_steps
from app.adding.steps_file import SUFFIX as STEPS
from app.adding.steps_file import add_steps
from app.adding.wishes import Wishes
from app.api.http.limits import Limits
from app.errors import ServiceError
from app.events.command import add_commands as add_event_commands
from app.keys.command import add_commands as add_key_commands
from app.logs.writer import log_as
from app.main import limits_of, prepared
from app.offline import Batch, run_batch
from app.remote.command import name_and_version, pull, push
from app.remote.mirror import Mirror
from app.remote.remote import AlreadyThere, opened
from app.repository.repository import ModelRepository
from app.runtimes.allocator import return_large_blocks
from app.runtimes.arena import open_arena
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.settings import Settings
from app.telemetry import Telemetry
from app.tuning import tune_models, tune_when_idle

STOPPED = 130  # by Control-C, as shells have it
LEAST_PRIORITY = 19  # whoever else computes goes first; what was measured meanwhile is not kept


def main(arguments: list[str] | None = None) -> int:
    try:
        settings = Settings.load()
    except ValueError as error:
        return _failed(error, 2)
    chosen = _parser(settings).parse_args(arguments)
    if chosen.run is not _serve:
        # These have something to show, and load models again and again.
        is_quiet = chosen.run in (_tune, _add, _batch)
        log_as(settings.log_format, logging.WARNING if is_quiet else logging.INFO)
    return int(chosen.run(chosen, settings))


def _parser(settings: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_called(), description=__doc__)
    commands = parser.add_subparsers(required=True)

    serve = commands.add_parser("serve", help="serve the model repository")
    serve.add_argument("--host", default=settings.host)
    serve.add_argument("--port", type=int, default=settings.port)
    serve.set_defaults(run=_serve)

    tune = commands.add_parser("tune", help="measure how each model runs fastest on this hardware, and remember it")
    tune.add_argument("models", nargs="*", metavar="MODEL", help="all that are there, if none is named")
    tune.add_argument("--seconds", type=float, default=4.0, help="for each way to run a model (%(default)s)")
    tune.add_argument("--if-missing", action="store_true", help="only what has not been measured on this hardware")
    tune.add_argument(
        "--when-idle",
        action="store_true",
        help="what has not been measured, beside a service: each when nothing is being made and nobody computes",
    )
    tune.set_defaults(run=_tune)

    models = commands.add_parser("models", help="work on the model repository").add_subparsers(required=True)
    add = models.add_parser(
        "add",
        help="publish an ONNX graph or a torch.export program as it is, or JSON of steps as a pipeline or cascade",
    )
    add.add_argument("file", type=Path)
    add.add_argument("--name", required=True, help="lower case with hyphens")
    add.add_argument("--size", type=_size, action="append", default=[], metavar="NAME=N", help="of a varying dimension")
    add.add_argument("--example", type=Path, metavar="FILE", help=".npz of valid inputs, as numpy.savez writes it")
    add.add_argument("--labels", type=Path, metavar="FILE", help="names of the classes, one a line or as a JSON list")
    add.add_argument("--tokenizer", type=Path, metavar="FILE", help="tokenizer.json of a graph that labels texts")
    add.add_argument("--max-tokens", type=int, metavar="N", help="that it reads of a text")
    add.add_argument("--outputs", choices=OUTPUTS, help="what its numbers for the classes are, if they do not tell")
    add.add_argument("--output", metavar="NAME", help="that has them, if there are several")
    add.add_argument("--photos", choices=SCALES, help="it reads photos, of pixels scaled so; vectors, without labels")
    add.add_argument("--mean", metavar="R,G,B", help="of pixels from 0 to 1, which is taken off")
    add.add_argument("--std", metavar="R,G,B", help="by which they are divided then")
    add.add_argument("--resize", metavar="SIZE", help="of a photo: 256 of the shorter side, 224x224, or 256:bicubic")
    add.add_argument("--preprocessor", type=Path, metavar="FILE", help="preprocessor_config.json that states these")
    add.add_argument("--task", choices=OPTIONS, help="if not the one that these options and its inputs tell")
    add.set_defaults(run=_add)

    push = models.add_parser("push", help="publish a version in a store; one that is there is never overwritten")
    push.add_argument("model", metavar="NAME[/VERSION]", help="the newest version, if none is named")
    push.add_argument(
        "url", nargs="?", default=settings.models_url, metavar="URL", help="TESSERA_MODELS_URL by default"
    )
    push.set_defaults(run=_push)
    pull = models.add_parser("pull", help="fetch the newest versions of models from a store")
    pull.add_argument(
        "models", nargs="*", metavar="NAME[/VERSION] or URL", help="all that are there; from TESSERA_MODELS_URL"
    )
    pull.set_defaults(run=_pull)

    batch = commands.add_parser("batch", help="answer a file of items or requests, without a service")
    batch.add_argument("source", type=Path, metavar="IN", help=".jsonl, .csv or .parquet")
    batch.add_argument("target", type=Path, metavar="OUT", help="of the same endings; made whole, at the end")
    batch.add_argument("--model", help="whose items the lines are; without it each line is a request to a route")
    batch.add_argument("--parameters", type=_json_object, default={}, metavar="JSON", help="for all items")
    batch.add_argument("--resume", action="store_true", help="go on where an earlier run was stopped")
    batch.set_defaults(run=_batch)

    add_key_commands(commands)
    add_event_commands(commands)
    parser.set_defaults(keys_file=settings.keys_file, database_url=settings.database_url)
    return parser


def _called() -> str:
    """As it was called, for the person who reads how to."""
    return "tessera" if Path(sys.argv[0]).stem == "tessera" else "python -m app"


def _serve(chosen: argparse.Namespace, settings: Settings) -> int:
    settings = settings.model_copy(update={"host": chosen.host, "port": chosen.port})
    try:
        serve = prepared(settings)
    except (ValueError, OSError) as error:
        return _failed(error, 2)
    serve()


def _tune(chosen: argparse.Namespace, settings: Settings) -> int:
    options = RuntimeOptions(device=settings.device, threads=settings.threads)
    repository = ModelRepository(settings.models_dir, settings.models)
    if chosen.when_idle:
        os.nice(LEAST_PRIORITY)
        return tune_when_idle(repository, options, seconds=chosen.seconds)
    return tune_models(repository, chosen.models, options, seconds=chosen.seconds, if_missing=chosen.if_missing)


def _add(chosen: argparse.Namespace, settings: Settings) -> int:
    given = {one.name: getattr(chosen, one.name) for one in fields(Wishes) if one.name != "sizes"}
    wishes = Wishes(dict(chosen.size), **given)
    try:
        if chosen.file.suffix == STEPS:
            print(report_steps(add_steps(chosen.file, chosen.name, settings.models_dir)))
            return 0
        added = add(chosen.file, chosen.name, settings.models_dir, wishes)
    except (ServiceError, ValueError, OSError) as error:
        return _failed(error)
    print(report(added))
    return 0


def _size(text: str) -> tuple[str, int]:
    name, _, size = text.rpartition("=")
    if not name or not size.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not like height=224")
    return name, int(size)


def _push(chosen: argparse.Namespace, settings: Settings) -> int:
    try:
        name, version = name_and_version(chosen.model)
        push(ModelRepository(settings.models_dir), opened(_required(chosen.url)), name, version)
    except (ServiceError, AlreadyThere, ValueError, OSError) as error:
        return _failed(error)
    return 0


def _pull(chosen: argparse.Namespace, settings: Settings) -> int:
    urls = [one for one in chosen.models if "://" in one]
    names = [one for one in chosen.models if one not in urls]
    repository = ModelRepository(settings.models_dir, settings.models)
    try:
        return pull(
            Mirror(opened(_required(*urls or [settings.models_url])), repository, keep=settings.keep_versions), names
        )
    except (ServiceError, ValueError, OSError) as error:
        return _failed(error)


def _required(*urls: str) -> str:
    if len(urls) > 1 or not urls[0]:
        raise ValueError("name one store, such as s3://bucket/folder, here or in TESSERA_MODELS_URL")
    return urls[0]


def _batch(chosen: argparse.Namespace, settings: Settings) -> int:
    asked = Batch(chosen.source, chosen.target, chosen.model, chosen.parameters, chosen.resume)
    try:
        return run_batch(asked, *_offline(settings))
    except (ServiceError, ValueError, OSError) as error:
        return _failed(error)
    except KeyboardInterrupt:
        return STOPPED


def _offline(settings: Settings) -> tuple[LocalEngine, Telemetry, Limits]:
    """Return what answers without a server."""
    return_large_blocks()
    open_arena(settings.max_tensor_bytes)
    telemetry = Telemetry()
    options = RuntimeOptions(device=settings.device, threads=settings.threads)
    engine = LocalEngine(
        ModelRepository(settings.models_dir, settings.models),
        telemetry,
        options=options,
        max_queue_size=settings.max_queue_size,
        max_pixels=settings.max_pixels,
        drift=False,  # nobody asks for its metrics
        load_timeout_s=settings.load_timeout_s,
        num_threads=settings.threads,
    )
    return engine, telemetry, limits_of(settings)


def _json_object(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON object")
    return found


def _failed(error: Exception, code: int = 1) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
