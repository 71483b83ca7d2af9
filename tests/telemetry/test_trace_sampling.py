"""The choice of traces is OpenTelemetry's own, without its library."""

import pytest
from opentelemetry.sdk.trace import sampling as sdk
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from app.telemetry.sampling import SAMPLERS, sampler_of
from app.telemetry.trace_context import TraceContext, new_span_id, new_trace_id

THEIRS = {
    "always_on": sdk.ALWAYS_ON,
    "always_off": sdk.ALWAYS_OFF,
    "traceidratio": sdk.TraceIdRatioBased(0.3),
    "parentbased_always_on": sdk.DEFAULT_ON,
    "parentbased_always_off": sdk.DEFAULT_OFF,
    "parentbased_traceidratio": sdk.ParentBasedTraceIdRatio(0.3),
}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("parent", [None, True, False], ids=["root", "recorded", "not recorded"])
def test_each_trace_is_chosen_as_its_library_chooses(name, parent):
    sampler = sampler_of(name, "0.3" if name.endswith("ratio") else "")
    for _ in range(200):
        trace_id, span_id, context = new_trace_id(), new_span_id(), None
        if parent is not None:
            flags = TraceFlags(TraceFlags.SAMPLED if parent else TraceFlags.DEFAULT)
            context = set_span_in_context(
                NonRecordingSpan(SpanContext(int(trace_id, 16), int(span_id, 16), True, flags))
            )
        theirs = THEIRS[name].should_sample(context, int(trace_id, 16), "")
        given = None if parent is None else TraceContext(trace_id, span_id, parent)
        assert sampler.records(trace_id, given) is theirs.decision.is_sampled()


def test_a_share_that_is_not_said_is_all():
    assert sampler_of("traceidratio", "").ratio == 1


@pytest.mark.parametrize(
    ("name", "argument", "told"),
    [
        ("sometimes", "", "OTEL_TRACES_SAMPLER is 'sometimes'; there are: always_on, "),
        ("always_on", "0.1", "OTEL_TRACES_SAMPLER_ARG is '0.1', and the sampler always_on takes none"),
        ("traceidratio", "10%", "must be a share from 0 to 1"),
        ("traceidratio", "1.1", "must be a share from 0 to 1"),
        ("parentbased_traceidratio", "nan", "must be a share from 0 to 1"),
    ],
)
def test_what_makes_no_sense_is_an_error(name, argument, told):
    with pytest.raises(ValueError, match=told):
        sampler_of(name, argument)
