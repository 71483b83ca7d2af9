"""The address of a store of model versions. Credentials are no part of it: they come from the environment."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

EXAMPLES = {
    "s3": "s3://bucket/folder",
    "gs": "gs://bucket/folder",
    "az": "az://container/folder",
    "file": "file:///srv/models",
    "hf": "hf://owner/repository",
}
NO_PATH = re.compile(r"(^|/)\.{1,2}(/|$)|//|[\x00-\x20\x7f\\]")


@dataclass(frozen=True, slots=True)
class Address:
    """`place` is a bucket, a container, or the owner on the hub; `folder` has no slash at its ends, but for files."""

    scheme: str
    place: str
    folder: str

    def __str__(self) -> str:
        return f"{self.scheme}://{'/'.join(filter(None, (self.place, self.folder)))}"


def address_of(url: str) -> Address:
    """Raises ValueError for what is no address. Its message never has what might be a secret."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in EXAMPLES:
        known = ", ".join(f"{one}://" for one in EXAMPLES)
        raise ValueError(f"the address of models must begin with one of {known}, such as {EXAMPLES['s3']}")
    example = f"such as {EXAMPLES[scheme]}"
    place, _, path = rest.partition("/")
    if "@" in place:
        raise ValueError(
            f"the address of models has a name or a password before an @, and may not: credentials are read from the "
            f"environment; write it without them, {example}"
        )
    if "?" in rest or "#" in rest:
        raise ValueError(f"the address of models has a part after ? or #, and may not; write it without, {example}")
    try:
        urlsplit(url)
    except ValueError:
        raise ValueError(f"the address of models is none, {example}") from None
    folder = unquote(path).strip("/")
    if NO_PATH.search(folder) or NO_PATH.search(place):
        raise ValueError(f"the folder in the address of models has an empty part, . or .., or spaces; {example}")
    if scheme == "file":
        if place or not folder:
            raise ValueError(f"a folder is given from the root, {example}")
        return Address(scheme, "", f"/{folder}")
    if not place or (scheme == "hf" and not folder):
        raise ValueError(f"the address of models is not complete, {example}")
    return Address(scheme, place, folder)
