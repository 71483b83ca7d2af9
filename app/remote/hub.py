"""A repository on the Hugging Face hub as a store of model versions. The one file here that knows huggingface_hub."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, HfFileSystem
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile

from app.remote.address import Address
from app.remote.remote import AlreadyThere, RemoteFile, Unreachable
from app.repository.publish import MANIFEST

CHUNK_BYTES = 4_000_000
CONFLICT = (409, 412)  # somebody else's commit came first
MOST_TRIES = 5


class HubRemote:
    """`hf://owner/repository@revision/folder`; without a revision, its main one. A private one needs HF_TOKEN."""

    def __init__(self, address: Address) -> None:
        self.address = address
        repository, _, self._folder = address.folder.partition("/")
        repository, _, revision = repository.partition("@")
        self._repository, self._revision = f"{address.place}/{repository}", revision or "main"
        self._api, self._files = HfApi(), HfFileSystem()
        self._commit = ""

    def files(self, folder: str = "") -> Iterator[RemoteFile]:
        """Every file of the newest commit. What is read afterwards is of this one, whatever is pushed meanwhile."""
        with self._said():
            self._commit = self._newest()
            top = "/".join(filter(None, (self._folder, folder)))
            for one in self._tree(top, self._commit):
                path = one.path.removeprefix(f"{self._folder}/") if self._folder else one.path
                yield RemoteFile(path, one.size, one.blob_id)

    def chunks(self, path: str) -> Iterator[bytes]:
        with self._said():
            commit = self._commit or self._newest()
            inside = "/".join(filter(None, (self._folder, path)))
            with self._files.open(f"{self._repository}@{commit}/{inside}", "rb", block_size=0) as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk

    def publish(self, folder: str, files: Mapping[str, Path], manifest: bytes) -> None:
        """In one commit, which the hub takes only if nobody else's came meanwhile."""
        with self._said():
            for _ in range(MOST_TRIES):
                parent = self._newest()
                lies = "/".join(filter(None, (self._folder, folder)))
                if any(True for _ in self._tree(lies, parent)):
                    raise AlreadyThere(f"version {folder} is there already")
                sources: dict[str, str | bytes] = {name: str(file) for name, file in files.items()}
                sources[MANIFEST] = manifest
                try:
                    self._api.create_commit(
                        self._repository,
                        [CommitOperationAdd(f"{lies}/{name}", source) for name, source in sources.items()],
                        commit_message=f"Publish {folder}",
                        revision=self._revision,
                        parent_commit=parent,
                    )
                    return
                except HfHubHTTPError as error:
                    if error.response.status_code not in CONFLICT:
                        raise
            raise Unreachable(f"{self.address}: others commit again and again")

    def _newest(self) -> str:
        return self._api.repo_info(self._repository, revision=self._revision).sha or self._revision

    def _tree(self, folder: str, commit: str) -> Iterator[RepoFile]:
        tree = self._api.list_repo_tree(self._repository, folder or None, recursive=True, revision=commit)
        try:
            for one in tree:
                if isinstance(one, RepoFile):
                    yield one
        except EntryNotFoundError:  # no such folder
            return

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except (RepositoryNotFoundError, RevisionNotFoundError) as error:
            raise Unreachable(f"{self.address}: there is none, or HF_TOKEN may not read it") from error
        except EntryNotFoundError as error:
            raise FileNotFoundError(f"{self.address} has no such file") from error
        except HfHubHTTPError as error:
            raise Unreachable(f"{self.address}: the hub answers {error.response.status_code}") from error
        except (Unreachable, AlreadyThere, FileNotFoundError):
            raise
        except Exception as error:  # of its HTTP client, whichever that is
            raise Unreachable(f"{self.address}: {type(error).__name__}") from error
