"""Every environment variable the service reads. Only entry points import this."""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "TESSERA_"
OTHERS = {"TESSERA_CACHE"}  # read by the training job


class Settings(BaseSettings):
    """`TESSERA_<NAME>` in the environment, for each field. An unknown `TESSERA_…` is an error."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    models_dir: Path = Field(Path("models"), description="the model repository")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes the GPU if one can be used")
    threads: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, description="cores that a model may use"
    )
    keep_versions: int = Field(2, ge=1, description="versions of a model that stay loaded, newest first")
    max_queue_size: int = Field(4096, ge=1, description="rows that may wait for one model")
    max_items: int = Field(256, ge=1, description="items of one request")
    max_body_bytes: int = Field(16_000_000, ge=1, description="bytes of one request body")
    request_timeout_s: float = Field(30.0, gt=0, description="deadline of a request that names none")
    drain_timeout_s: float = Field(30.0, gt=0, description="time to answer what was admitted, after SIGTERM")

    @classmethod
    def load(cls) -> Self:
        """Raises ValueError for a variable that is unknown or unusable."""
        known = {PREFIX + name.upper() for name in cls.model_fields} | OTHERS
        unknown = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known)
        if unknown:
            raise ValueError(f"unknown setting {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
        return cls()
