"""The schemas in which the Hugging Face dialect tells of a model, and of vectors."""

from pydantic import BaseModel, RootModel


class Info(BaseModel):
    """The model and version that answer, in the names that Hugging Face's own servers use.

    `model_sha` is the sha256 of what `sha256sum` prints for the files of the version, sorted by name.
    """

    model_id: str
    model_sha: str
    model_dtype: str
    pipeline_tag: str
    tasks: list[str]
    version: int
    description: str
    licence: str
    max_input_length: int | None
    max_client_batch_size: int
    auto_truncate: bool = False


class Health(BaseModel):
    ready: bool = True


class TeiVectors(RootModel[list[list[float]]]):
    """One for each text, also where there is only one."""
