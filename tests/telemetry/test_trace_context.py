"""The examples and the rules of W3C Trace Context, section 3.2."""

import pytest

from app.telemetry.trace_context import TraceContext, context_of, new_span_id, new_trace_id

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("given", "is_sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-ff", True),
        (f"00-{TRACE}-{SPAN}-02", False),  # another flag, of a later version
        (f"cc-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-adds", True),
    ],
)
def test_what_a_caller_names_is_read(given, is_sampled):
    assert context_of(given.encode()) == TraceContext(TRACE, SPAN, is_sampled)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "two",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}g-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01.what",
        f"0-{TRACE}-{SPAN}-01",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        "00-" + "٣" * 32 + f"-{SPAN}-01",
    ],
)
def test_what_is_invalid_is_as_if_it_were_not_there(given):
    assert context_of(given.encode()) is None


def test_what_is_written_is_read_again_and_ids_differ():
    own = TraceContext(new_trace_id(), new_span_id(), True)
    assert context_of(own.traceparent.encode()) == own
    assert own.child().trace_id == own.trace_id
    assert own.child().span_id != own.span_id
    assert context_of(own._replace(is_sampled=False).traceparent.encode()) == own._replace(is_sampled=False)
