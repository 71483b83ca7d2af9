"""Versions that answer token by token tell what their steppers do."""

from tiny_translator import TRANSLATOR, publish_translator
from tiny_writer import WRITER, publish_writer, serving


def test_all_of_them_count_their_steps(tmp_path):
    publish_writer(tmp_path / "models", tmp_path / "writer")
    publish_translator(tmp_path / "models", tmp_path / "translator")
    with serving(tmp_path / "models") as client:
        written = client.post(f"/v1/models/{WRITER}/predict", json={"inputs": [{"text": "One"}]})
        translated = client.post(f"/v1/models/{TRANSLATOR}/predict", json={"inputs": [{"text": "One. Two."}]})
        assert (written.status_code, translated.status_code) == (200, 200), (written.text, translated.text)
        assert translated.headers["x-generated"] == f"{TRANSLATOR}@1"
        lines = client.get("/metrics").text.splitlines()
    for model in (WRITER, TRANSLATOR):
        steps = [line for line in lines if line.startswith("tessera_generation") and f'model="{model}"' in line]
        assert any(float(line.rsplit(" ", 1)[1]) > 0 for line in steps), model
