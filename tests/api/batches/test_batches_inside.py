import json

import pytest

from app.api.batches.inside import named
from app.api.media.json_text import JsonLimits

LONG = b'"body": {"custom_id": "no", "inputs": ["a \\"custom_id\\": \\"no\\"}", %b 1]}' % (b"[]," * 100)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b' {"custom_id": "a\\u00fc\\"", %b}' % LONG, 'aü"'),
        (b'{"method": "POST", "url":"/x" ,"custom_id" :"a", %b}' % LONG, "a"),
        (b'{%b, "custom_id": "a", "method": "POST"} ' % LONG, "a"),
        (b'{%b, "custom_id": "a"}' % LONG, "a"),
        (b'{"more": 1, "custom_id": "a", %b}' % LONG, ""),
        (b'{"more": 1, "custom_id": "a", "body": {}}', "a"),
    ],
)
def test_a_line_that_is_too_much_to_be_parsed_is_not_parsed_for_its_name(line, name):
    json.loads(line)
    assert named(line, JsonLimits(max_values=100)) == name
