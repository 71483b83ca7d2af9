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
    service = f"http://{SERVICE}"
    asked = "-d " + quote(f'{{"inputs": {inputs}}}')
    imports, call = "from tessera_client import Client, predict", f'predict("{name}", {inputs})'
    match contract.binary_field:
        case "image":
            asked = "-F file=@photo.jpg"
            ask = "classify_images" if contract.name == "image-classification" else "predict_images"
            imports, call = f"from tessera_client import Client, {ask}", f'{ask}("{name}", ["photo.jpg"])'
        case "audio":
            asked = "-F file=@speech.wav"
            imports = f"from base64 import b64encode; {imports}"
            call = f'predict("{name}", [{{"audio": b64encode(open("speech.wav", "rb").read()).decode()}}])'
    code = f'{imports}; print(Client("{service}").ask({call}).outputs)'
    return "\n".join(
        [
            f"a running service takes it in: curl -X POST {SERVICE}/v1/models/{name}/load",
            f"curl {SERVICE}/v1/models/{name}/predict {asked}",
            f"python -c {quote(code)}",
            f"{service}/#/{name}",
        ]
    )
