"""Object stores: S3 and what speaks as S3 does, Google Cloud Storage, Azure. The one file that knows obstore."""

import logging
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, InvalidPathError, NotSupportedError
from obstore.store import AzureStore, GCSStore, S3Store, from_url

from app.remote.address import Address
from app.remote.remote import AlreadyThere, RemoteFile, Unreachable
from app.repository.publish import MANIFEST

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

log = logging.getLogger(__name__)

CLAIM = ".claim"
"""Beside a manifest: the hash of the one that whoever writes here will write."""
CHUNK_BYTES, PART_BYTES = 1_000_000, 8_000_000  # read at a time, and sent
# Of one request: to connect, between two pieces, in all. The last bounds what a store that drips can keep.
TIMEOUTS: "ClientConfig" = {"connect_timeout": "5s", "read_timeout": "30s", "timeout": "2h"}
# Plain HTTP is spoken only where the environment names an address of it.
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT", "GOOGLE_BASE_URL")
RETRIES: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}
QUERY = re.compile(r"\?[^\s)]*")
NOISE = re.compile(r"^Generic \w+ error: |: <.*| in [\d.]+[mµn]?s|, after \d+ retries.*?(?= - )")
CODE, CAUSE = re.compile(r"<Code>(\w+)</Code>"), re.compile(r'message: "([^"]*)"')


class ObjectRemote:
    def __init__(self, address: Address) -> None:
        """Credentials and endpoints are those of the environment. Raises ValueError if the store needs more of them."""
        self.address = address
        is_plain = any(os.environ.get(name, "").startswith("http://") for name in ENDPOINTS)
        try:
            store = from_url(
                str(address),
                client_options={**TIMEOUTS, "allow_http": is_plain},
                retry_config=RETRIES,
            )
        except BaseError as error:
            raise ValueError(f"{address} cannot be used: {_words(error)}") from None
        assert isinstance(store, S3Store | GCSStore | AzureStore)
        self._store = store
        self._passed_over = ""

    def files(self, folder: str = "") -> Iterator[RemoteFile]:
        """Folders at the top that hold what obstore takes for no path, such as `a//b`, are passed over, and it is said.

        For it, one such key spoils the list of all.
        """
        with self._said():
            try:
                yield from self._listed(folder)
            except InvalidPathError as error:
                if folder:
                    raise
                if (words := _words(error)) != self._passed_over:
                    self._passed_over = words
                    log.warning("%s: what lies in such a folder is passed over: %s", self.address, words)
                for name in self._folders():
                    with suppress(InvalidPathError):
                        yield from self._listed(name)

    def _listed(self, folder: str, after: str | None = None) -> Iterator[RemoteFile]:
        for some in obstore.list(self._store, folder or None, offset=after):
            for one in some:
                yield RemoteFile(one["path"], one["size"], one["e_tag"] or "")

    def _folders(self) -> Collection[str]:
        """Raises InvalidPathError where names both at the top and below are no paths."""
        try:
            return obstore.list_with_delimiter(self._store)["common_prefixes"]
        except InvalidPathError:  # ".", ".." and an empty name come before all that are names of models
            return {one.path.partition("/")[0] for one in self._listed("", after="0")}

    def chunks(self, path: str) -> Iterator[bytes]:
        with self._said():
            yield from obstore.get(self._store, path).stream(CHUNK_BYTES)

    def publish(self, folder: str, files: Mapping[str, Path], manifest: bytes) -> None:
        """Of several who publish at once, the one whose claim was first goes on.

        Whoever comes back with the very same version, because it was interrupted, goes on as well.
        """
        with self._said():
            self._claim(folder, sha256(manifest).hexdigest())
            for name, file in files.items():
                obstore.put(self._store, f"{folder}/{name}", file, chunk_size=PART_BYTES, max_concurrency=4)
            self._create(f"{folder}/{MANIFEST}", manifest, f"version {folder} is there already")

    def _claim(self, folder: str, digest: str) -> None:
        path = f"{folder}/{CLAIM}"
        try:
            self._create(path, digest.encode(), "")
        except AlreadyThere:
            if bytes(obstore.get(self._store, path).bytes()).decode("ascii", "replace") != digest:
                raise AlreadyThere(
                    f"somebody else publishes {folder}, or began to: if nobody does any more, delete what lies there "
                    f"(its {CLAIM}, too)"
                ) from None
        if any(file.path == f"{folder}/{MANIFEST}" for file in self.files(folder)):
            raise AlreadyThere(f"version {folder} is there already")

    def _create(self, path: str, content: bytes, words: str) -> None:
        try:
            obstore.put(self._store, path, content, mode="create")
        except AlreadyExistsError:
            raise AlreadyThere(words) from None

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except NotSupportedError as error:
            raise Unreachable(
                f"{self.address} cannot refuse to overwrite, so nothing is published: {_words(error)}"
            ) from None
        except (BaseError, ValueError) as error:  # ValueError, of a path that it takes for none
            raise Unreachable(f"{self.address}: {_words(error)}") from None


def _words(error: Exception) -> str:
    """Return what happened in a line, without queries of addresses, which may hold signatures."""
    text = str(error)
    first = QUERY.sub("", NOISE.sub("", text.partition("\n")[0]))
    causes = [*CODE.findall(text), *CAUSE.findall(text)[-1:]]
    return f"{first[:300]} ({causes[0]})" if causes else first[:300]
