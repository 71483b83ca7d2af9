"""The rule by which the callers of a model are divided among its versions: a small file beside them."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from app.errors import Detail, first_fault, said
from app.repository.manifest import Frozen, is_model_name
from app.whole_file import READABLE_BY_ALL, write_whole

FILE = "traffic.json"
MOST_BYTES = 10_000
MOST_VERSION = 10**18 - 1  # as many digits as a folder of a version may have

Version = Annotated[int, Field(ge=1, le=MOST_VERSION, strict=True, description="number of a version")]
Share = Annotated[float, Field(ge=0, le=1, strict=True, allow_inf_nan=False)]
By = Literal["caller", "request"]


class CanaryRule(Frozen):
    """A share of the callers, or of the requests, is answered by this version instead of the default."""

    version: Version
    share: Annotated[Share, Field(description="of all, from 0 to 1", examples=[0.05])]
    by: Annotated[By, Field(description="a caller stays with one version, or each request is drawn by itself")] = (
        "caller"
    )


class ShadowRule(Frozen):
    """This version is asked what a share of the requests asks, and its answers are compared and thrown away."""

    version: Version
    share: Annotated[Share, Field(description="of the requests that the default answers, from 0 to 1")] = 1.0


class TrafficRule(Frozen):
    """`default` answers whoever names no version and is not of the canary's."""

    default: Version
    canary: CanaryRule | None = None
    shadow: ShadowRule | None = None

    @model_validator(mode="after")
    def _are_apart(self) -> Self:
        if fault := twice(self.default, self.canary, self.shadow):
            raise ValueError(said(fault))
        return self

    @property
    def places(self) -> list[tuple[tuple[str, ...], int]]:
        """Each version that it names with the place where it does, the default first."""
        others = [("canary", self.canary), ("shadow", self.shadow)]
        return [(("default",), self.default), *(((place, "version"), one.version) for place, one in others if one)]

    @property
    def versions(self) -> list[int]:
        """Those that it names, the default first."""
        return [version for _, version in self.places]

    def __str__(self) -> str:
        words = [f"version {self.default} answers by default"]
        if self.canary:
            words.append(f"version {self.canary.version} {100 * self.canary.share:g} % of all {self.canary.by}s")
        if self.shadow:
            words.append(f"version {self.shadow.version} is asked {100 * self.shadow.share:g} % of it for comparison")
        return ", ".join(words)


def twice(default: int | None, canary: CanaryRule | None, shadow: ShadowRule | None) -> Detail | None:
    """Return the fault of a rule that names a version twice; None if it names each once."""
    if canary and canary.version == default:
        return {"loc": ["canary", "version"], "msg": f"version {default} is the default already"}
    if shadow and shadow.version == default:
        return {"loc": ["shadow", "version"], "msg": f"version {default} is the default already"}
    if canary and shadow and canary.version == shadow.version:
        return {"loc": ["shadow", "version"], "msg": f"version {shadow.version} is the canary already"}
    return None


def read_rules(root: Path, name: str | None = None) -> dict[str, bytes | OSError | None]:
    """Return the files of all models, or of one: None where there is none, the error where one cannot be read.

    What has no folder is left out: it may be a disk that is away for a moment. Raises OSError for `root`.
    """
    names = [name] if name is not None else [path.name for path in root.iterdir()] if root.is_dir() else []
    found = {one: read_file(root, one) for one in names if is_model_name(one)}
    return {one: content for one, content in found.items() if content is not None or (root / one).is_dir()}


def read_file(root: Path, name: str) -> bytes | OSError | None:
    """Return the beginning of a file, enough to tell that it is too large; None if there is none."""
    try:
        with open(root / name / FILE, "rb", opener=_at_once) as file:
            return file.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return error


def _at_once(path: str, flags: int) -> int:
    """Open a file without waiting for whoever writes to it, as a pipe would."""
    return os.open(path, flags | os.O_NONBLOCK)


def parsed(content: bytes) -> TrafficRule:
    """Raises ValueError for what is no rule."""
    if len(content) > MOST_BYTES:
        raise ValueError(f"{FILE} has more than {MOST_BYTES} bytes")
    try:
        return TrafficRule.model_validate_json(content)
    except ValidationError as error:
        raise ValueError(f"{FILE}: {said(first_fault(error))}") from None


def written(rule: TrafficRule) -> str:
    return rule.model_dump_json(indent=2, exclude_none=True) + "\n"


def write_rule(root: Path, name: str, rule: TrafficRule | None) -> None:
    """Put a rule in the place of the one before, whole; without one, take that away. Raises OSError."""
    path = root / name / FILE
    if rule is None:
        path.unlink(missing_ok=True)
    else:
        write_whole(path, written(rule), READABLE_BY_ALL, is_synced=True)
