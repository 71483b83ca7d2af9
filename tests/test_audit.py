import json
import logging

from app.audit import audit
from app.logs.lines import JsonLines, TextLines


def test_a_line_has_what_was_said_as_text_and_as_fields(caplog):
    caplog.set_level(logging.INFO, "app.audit")
    audit("ops", "POST /v1/models/{model}/load", "done", model="m", version="", status=200)
    (record,) = caplog.records
    text, line = TextLines().format(record), json.loads(JsonLines().format(record))
    assert text.endswith(
        'INFO app.audit: who=ops action="POST /v1/models/{model}/load" outcome=done model=m status=200\n'
    )
    assert line["logger"] == "app.audit"
    assert {name: line[name] for name in ("who", "action", "outcome", "model", "status")} == {
        "who": "ops", "action": "POST /v1/models/{model}/load", "outcome": "done", "model": "m", "status": 200,
    }  # fmt: skip
    assert "version" not in line


def test_what_a_caller_invented_cannot_pass_for_something_else(caplog):
    caplog.set_level(logging.INFO, "app.audit")
    audit("ops", "load", "failed", model='x outcome=done\nwho="root" \udcff' + "y" * 1000)
    (record,) = caplog.records
    text = TextLines().format(record)
    assert text.count("\n") == 1
    assert r'model="x outcome=done\nwho=\"root\" \udcff' in text
    assert len(text) < 500
    assert json.loads(JsonLines().format(record))["outcome"] == "failed"
