"""As a model of which task a graph is served."""

from typing import NamedTuple

from pydantic import BaseModel

from app.repository.manifest import Golden


class ServedAs(NamedTuple):
    """`config` is that of the task; `about` says in a few words what goes in and what comes out."""

    task: str
    config: BaseModel
    golden: tuple[Golden, ...]
    limits: tuple[str, ...]
    about: str
