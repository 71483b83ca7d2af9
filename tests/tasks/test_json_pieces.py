"""JSON that is written piece by piece."""

import json

from app.tasks.json_pieces import array_of, object_with


def test_an_object_has_its_small_values_and_its_large_ones() -> None:
    large = array_of([b"%d" % number] for number in range(3))
    assert json.loads(b"".join(object_with({"a": "ä", "b": None}, c=large))) == {"a": "ä", "b": None, "c": [0, 1, 2]}
    assert b"".join(object_with({})) == b"{}"
    assert json.loads(b"".join(object_with({}, only=array_of([])))) == {"only": []}
