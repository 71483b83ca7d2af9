"""Good requests of every route: those that the OpenAPI document shows, and the forms that no JSON example can show."""

import gzip
import itertools
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.fuzz.asked import Asked
from benchmarks.fuzz.writing import PATIENCE, writing_seeds

JSON = ("Content-Type", "application/json")
SAMPLES = Path("app/api/pages/samples")
PLACES = {
    "version": ["1"],
    "picture": ["learning.svg"],
    "query": ["a"],
    "path": ["page.css"],
    "task": ["text-classification"],
}
OWN = "scratch"  # what may be loaded and unloaded: the others have neighbours who want answers


def seeds_of(document: dict[str, Any], models: list[str], writers: Sequence[str] = ()) -> list[Asked]:
    """`document` is the service's /openapi.json, `models` are the names of all that it serves; `writers` write text."""
    found = [asked for path, item in document["paths"].items() for asked in _of_path(path, item, models)]
    found += [asked for writer in writers for asked in writing_seeds(writer)]
    return found + _uploads(models) + _binary(models) + [Asked("GET /", "GET", "/"), Asked("GET /docs", "GET", "/docs")]


def _of_path(path: str, item: dict[str, Any], models: list[str]) -> list[Asked]:
    names = [OWN] if path.endswith(("/load", "/unload")) else models
    found = []
    for method, operation in item.items():
        for url in _urls(path, names):
            body = _example(operation)
            headers = () if body is None else (JSON, PATIENCE)
            found.append(Asked(f"{method.upper()} {path}", method.upper(), url, headers, body or b""))
            if body is not None and "/infer" not in path:
                zipped = (JSON, PATIENCE, ("Content-Encoding", "gzip"))
                found.append(Asked(f"{method.upper()} {path}", "POST", url, zipped, gzip.compress(body, mtime=0)))
    return found


def _urls(path: str, models: list[str]) -> list[str]:
    names = [part[1:-1].partition(":")[0] for part in path.split("/") if part.startswith("{")]
    values = [models if name == "model" else PLACES.get(name, ["1"]) for name in names]
    urls = []
    for chosen in itertools.product(*values):
        url = path
        for name, value in zip(names, chosen, strict=True):
            url = url.replace("{" + name + "}", value).replace("{" + name + ":path}", value)
        urls.append(url)
    return urls


def _example(operation: dict[str, Any]) -> bytes | None:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    examples = [one["value"] for one in content.get("examples", {}).values() if "value" in one]
    example = content.get("example", examples[0] if examples else {})
    return json.dumps(example).encode()


def _uploads(models: list[str]) -> list[Asked]:
    photos = [photo.read_bytes() for photo in sorted(SAMPLES.glob("*.jpg"), key=lambda one: one.stat().st_size)[:1]]
    found = []
    for model, photo, action in itertools.product(models, photos, ("predict", "explain")):
        path, route = f"/v1/models/{model}/{action}", f"POST …/{action} upload"
        found.append(Asked(route, "POST", path, (("Content-Type", "image/jpeg"),), photo))
        part = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' + photo + b"\r\n"
        field = b'--B\r\nContent-Disposition: form-data; name="top_k"\r\n\r\n2\r\n'
        form = (("Content-Type", "multipart/form-data; boundary=B"),)
        found.append(Asked(route, "POST", path, form, part + field + b"--B--\r\n"))
    return found + [
        Asked("POST /hf/… upload", "POST", f"/hf/models/{model}", (("Content-Type", "image/jpeg"),), photo)
        for model, photo in itertools.product(models, photos)
    ]


def _binary(models: list[str]) -> list[Asked]:
    """Tensors behind the JSON, of the names that our models use; most models will refuse most of them."""
    forms = [
        ("x", "FP32", [1, 3], struct.pack("<3f", 1, 2, 3)),
        ("input_ids", "INT64", [1, 2], struct.pack("<2q", 5, 6)),
        ("image", "UINT8", [1, 2, 2, 3], bytes(12)),
        ("texts", "BYTES", [1, 1], struct.pack("<I", 2) + b"ab"),
    ]
    found = []
    for model, (name, datatype, shape, content) in itertools.product(models, forms):
        tensor = {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(content)}}
        head = json.dumps({"inputs": [tensor]}).encode()
        length = ("Inference-Header-Content-Length", str(len(head)))
        found.append(Asked("POST …/infer binary", "POST", f"/v2/models/{model}/infer", (length,), head + content))
    return found
