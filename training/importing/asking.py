"""The lines that ask a model which was just imported."""

import json
from shlex import quote

from app.repository.manifest import Manifest
from app.tasks import task_of

SERVICE = "127.0.0.1:8000"


def how_to_ask(manifest: Manifest) -> str:
    """A line that has a running service take the model in, and three that ask it: curl, Python and the page."""
    name, item = manifest.name, manifest.golden[0].input
    contract = task_of(manifest.task, manifest.config).contract
    inputs = json.dumps([item], ensure_ascii=False)
    asked, call = "-d " + quote(f'{{"inputs": {inputs}}}'), "predict"
    if contract.binary_field:
        call = "classify_images" if contract.name == "image-classification" else "predict_images"
        asked, inputs = "-F file=@photo.jpg", '["photo.jpg"]'
    code = (
        f"from tessera_client import Client, {call}; "
        f'print(Client("http://{SERVICE}").ask({call}("{name}", {inputs})).outputs)'
    )
    return "\n".join(
        [
            f"a running service takes it in: curl -X POST {SERVICE}/v1/models/{name}/load",
            f"curl {SERVICE}/v1/models/{name}/predict {asked}",
            f"python -c {quote(code)}",
            f"http://{SERVICE}/#/{name}",
        ]
    )
