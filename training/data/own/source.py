"""The data that `--source` names, instead of the packaged: a local folder, or a repository of the Hugging Face hub."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from app.repository.manifest import Source
from training.data.own.names import HUB_ID, public_name, redacted
from training.errors import TrainingError, first_line, progress

LOCAL = "local"
UNNUMBERED = "[!0-9]*/*"  # files in folders, but for those of sentence-transformers, such as 1_Pooling


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """A folder, what everybody may read of its name, and its version: the hub's commit, or LOCAL.

    `file`: the only one in it that is meant.
    """

    folder: Path
    name: str
    version: str = LOCAL
    file: Path | None = None

    def source(self, files: Iterable[Path], used_for: str) -> Source:
        """For the card. The sha256 is that of the contents of `files`, one after the other in the order of names."""
        digest = hashlib.sha256()
        for path in sorted(files):
            digest.update(path.read_bytes())
        return Source(
            name=self.name,
            version=self.version,
            licence="not stated; that of whoever made it",
            sha256=digest.hexdigest(),
            used_for=used_for,
        )


def given(
    source: str, kind: Literal["dataset", "model"], files: Sequence[str], *, may_be_file: bool = False
) -> SourceFolder:
    """The folder or file `source`, or of the hub's repository of that id the `files` (patterns of names).

    Of a model these are in the top folder or in numbered ones, of a dataset anywhere. An id may end with "@" and a
    branch, tag or commit. What is fetched is kept in the hub's own cache, and no code in it is run. Raises
    TrainingError if there is neither.
    """
    folder = Path(source)
    if folder.is_dir():
        return SourceFolder(folder, public_name(source))
    if folder.exists() and may_be_file:
        return SourceFolder(folder.parent, public_name(source), file=folder)
    if folder.exists():
        raise TrainingError(f"--source {source} is a file; a folder is needed")
    if not (named := HUB_ID.fullmatch(source)):
        raise TrainingError(
            f"--source {redacted(source)} is neither a folder nor the id of a {kind} on the hub (owner/name)"
        )
    progress(f"fetching the {kind} {source} from the hub")
    try:
        snapshot = Path(
            snapshot_download(
                named[1],
                repo_type=kind,
                revision=named[2],
                allow_patterns=list(files),
                ignore_patterns=[UNNUMBERED] if kind == "model" else None,
            )
        )
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError) as error:
        raise TrainingError(
            f"--source {source}: there is no such folder, and the hub cannot be reached; is this machine offline?"
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise TrainingError(
            f"--source {source}: there is no such folder, and the hub has no such {kind} that may be read"
        ) from error
    except (HfHubHTTPError, HFValidationError) as error:
        raise TrainingError(
            f"--source {source}: there is no such folder, and the hub says: {redacted(first_line(error))}"
        ) from error
    return SourceFolder(snapshot, source, version=snapshot.name)
