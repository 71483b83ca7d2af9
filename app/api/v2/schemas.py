"""The JSON of the Open Inference Protocol V2, as its REST specification and Triton's extensions define it.

Parameters and fields that we do not know are left alone: the protocol lets clients send their own.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, StrictBool, StrictInt, WithJsonSchema

from app.tasks.schema import LARGEST_INTEGER, NullIsAbsent, at_most

Parameter = str | float | bool
Size = Annotated[StrictInt, Field(ge=0, le=2**63 - 1)]  # as INT64 has them
MOST_DIMENSIONS = 64  # as numpy has at most
MOST_PROPERTIES = 100  # of a request for a text: far more than there are parameters
# Many tools that read OpenAPI know no list of values of two types.
NO_SEQUENCE = {"anyOf": [{"type": "integer", "enum": [0]}, {"type": "string", "enum": [""]}]}


class InputParameters(NullIsAbsent):
    model_config = ConfigDict(extra="allow")

    binary_data_size: Annotated[Size | None, Field(description="bytes of this tensor after the JSON")] = None
    shared_memory_region: Annotated[None, Field(description="not supported")] = None


class InputTensor(NullIsAbsent):
    """Either `data` holds the elements, in row-major order, nested or flat, or they follow the JSON as bytes."""

    name: str
    datatype: Annotated[str, Field(examples=["FP32"])]
    shape: Annotated[list[Size], FailFast(), Field(max_length=MOST_DIMENSIONS, examples=[[1, 3]])]
    parameters: InputParameters = InputParameters()
    data: Annotated[Any, Field(examples=[[1.0, 2.0, 3.0]])] = None


class OutputParameters(NullIsAbsent):
    model_config = ConfigDict(extra="allow")

    binary_data: Annotated[StrictBool | None, Field(description="this tensor as bytes after the JSON")] = None
    classification: Annotated[
        StrictInt | None,
        Field(ge=1, le=LARGEST_INTEGER, description="only the so many largest, each as the text value:index:label"),
    ] = None
    shared_memory_region: Annotated[None, Field(description="not supported")] = None


class RequestedOutput(NullIsAbsent):
    name: str
    parameters: OutputParameters = OutputParameters()


class RequestParameters(NullIsAbsent):
    model_config = ConfigDict(extra="allow")

    timeout: Annotated[
        int, Field(ge=0, le=LARGEST_INTEGER, description="microseconds until the answer is of no use; 0: default")
    ] = 0
    priority: Annotated[
        int, Field(ge=0, le=LARGEST_INTEGER, description="1 is the highest; 0 is the default, as good as 2")
    ] = 0
    binary_data_output: Annotated[StrictBool, Field(description="every tensor as bytes after the JSON")] = False
    sequence_id: Annotated[
        Literal[0, ""],
        Field(description="not supported: requests do not depend on others"),
        WithJsonSchema(NO_SEQUENCE),
    ] = 0


class InferenceRequest(NullIsAbsent):
    id: Annotated[str | None, Field(description="is in the answer, too")] = None
    parameters: RequestParameters = RequestParameters()
    inputs: Annotated[list[InputTensor], FailFast(), Field(min_length=1, max_length=1000)]
    outputs: Annotated[
        list[RequestedOutput],
        FailFast(),
        Field(default_factory=list, max_length=1000, description="all if none is named"),
    ]


class OutputTensor(BaseModel):
    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Parameter] | None = None
    data: Annotated[list[Any] | None, Field(description="the elements in row-major order, flat")] = None


class InferenceResponse(BaseModel):
    model_name: str
    model_version: str
    id: str | None = None
    parameters: Annotated[
        dict[str, str] | None, Field(description="of a cascade `answered_by`, the step that gave the answer")
    ] = None
    outputs: list[OutputTensor]


class TensorMetadata(BaseModel):
    """-1 marks a dimension that varies."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(BaseModel):
    name: str
    version: str
    extensions: list[str]


class ServerLive(BaseModel):
    live: bool


class ServerReady(BaseModel):
    ready: bool


class ModelReady(BaseModel):
    name: str
    ready: bool


class IndexRequest(NullIsAbsent):
    ready: Annotated[bool, Field(description="only what is ready")] = False


class IndexEntry(BaseModel):
    name: str
    version: str
    state: Literal["LOADING", "READY", "UNAVAILABLE"]
    reason: str


class LoadRequest(NullIsAbsent):
    parameters: Annotated[dict[str, Any], Field(default_factory=dict)]


class Duration(BaseModel):
    """A count, and the nanoseconds that all of them took."""

    count: int
    ns: int


class InferenceStatistics(BaseModel):
    """`success` and `fail` are whole requests, the others the stages of those that succeeded. Nothing is cached."""

    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration
    cache_hit: Duration = Duration(count=0, ns=0)
    cache_miss: Duration = Duration(count=0, ns=0)


class BatchStatistics(BaseModel):
    """Batches of one size, in rows. Making a batch of rows and rows of a batch is part of `compute_infer`."""

    batch_size: int
    compute_input: Duration = Duration(count=0, ns=0)
    compute_infer: Duration
    compute_output: Duration = Duration(count=0, ns=0)


class ModelStatistics(BaseModel):
    """Since the version was loaded. `inference_count` counts rows, `execution_count` the batches they were in."""

    name: str
    version: str
    last_inference: Annotated[int, Field(description="in milliseconds since 1970; 0 if there was none")]
    inference_count: int
    execution_count: int
    inference_stats: InferenceStatistics
    response_stats: dict[str, Any] = {}
    batch_stats: list[BatchStatistics]
    memory_usage: list[Any] = []


class StatisticsAnswer(BaseModel):
    model_stats: list[ModelStatistics]


class GenerateRequest(BaseModel):
    """Any further property is a parameter, as are those in `parameters`."""

    model_config = ConfigDict(extra="allow")

    text_input: str
    parameters: Annotated[dict[str, Any], at_most(MOST_PROPERTIES), Field(default_factory=dict)]


class GenerateResponse(BaseModel):
    """In a stream `text_output` is what is new."""

    model_name: str
    model_version: str
    text_output: str
