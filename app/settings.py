"""Every environment variable the service reads. Only entry points import this."""

import os
import re
import resource
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.cores import usable_cores
from app.events.database import DEFAULT
from app.logs.lines import LogFormat
from app.telemetry.sampling import Sampler, sampler_of

PREFIX = "TESSERA_"
OTHERS = {"TESSERA_CACHE"}  # read by the training job
HOST_NAME = r"\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*"
DESCRIPTORS_FOR_OURSELVES = 100  # files of models, the log, keys, connections that are being refused
SHORTEST_PEPPER = 16  # characters
ORIGIN = r"\*|https?://[^/\s,*]+"


class Settings(BaseSettings):
    """`TESSERA_<NAME>` in the environment, for each field; an empty one is as if it were not there. An unknown
    `TESSERA_…` is an error.
    """

    # Compose files hand on what may not be set as an empty text: TESSERA_PORT=${TESSERA_PORT:-}
    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    grpc_port: int | None = Field(None, ge=1, le=65535, description="port to listen on for gRPC; unset, it is off")
    models_dir: Path = Field(Path("models"), description="the model repository")
    models_url: str = Field(
        "", description="a store whose versions are mirrored into it: s3://, gs://, az://, file:// or hf://"
    )
    models: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="the only models that are served, with commas between; all by default"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes the GPU if one can be used")
    threads: int = Field(default_factory=usable_cores, ge=1, description="cores that a model may use")
    follow_s: float = Field(
        0.0, ge=0, description="seconds between looks for new versions; 0 loads them on request only"
    )
    keep_versions: int = Field(2, ge=1, description="versions of a model that stay loaded, newest first")
    max_queue_size: int = Field(4096, ge=1, description="rows that may wait for one model")
    max_pixels: int = Field(250_000_000, ge=1, description="of all images of one request, by their headers")
    max_items: int = Field(256, ge=1, description="items of one request")
    max_body_bytes: int = Field(32_000_000, ge=1, description="bytes of one request body, of any route")
    task_body_bytes: dict[str, int] = Field({}, description="the same for models of one task, as JSON")
    max_bodies_bytes: int | None = Field(
        None, ge=1, description="bytes of all request bodies at once; eight of the largest by default"
    )
    max_json_bytes: int = Field(10_000_000, ge=1, description="bytes of a body that are JSON, not files or tensors")
    max_json_values: int = Field(
        500_000, ge=1, description="values in it; while so many are parsed, for some 50 ms, nobody is answered"
    )
    max_batch_bytes: int = Field(1_000_000_000, ge=1, description="bytes of the file of one batch job")
    max_jobs_bytes: int = Field(
        10_000_000_000, ge=1, description="bytes of all files and results of batch jobs; half of them for one key"
    )
    max_tensor_bytes: int | None = Field(
        None, ge=100_000_000, description="memory of all graphs together; half of what there is by default"
    )
    max_header_bytes: int = Field(65_536, ge=1024, description="bytes of a request before its body")
    max_connections: int = Field(1000, ge=1, description="connections at once, as far as descriptors go")
    answer_cache_bytes: int = Field(
        0, ge=0, description="memory of answers that are given again to who asks the same; 0 computes each anew"
    )
    answer_cache_for: Literal["all", "caller"] = Field(
        "all", description="who may get an answer that was computed for another caller: all, or nobody"
    )
    request_timeout_s: float = Field(30.0, gt=0, description="deadline of a request that names none")
    drain_timeout_s: float = Field(30.0, gt=0, description="time after SIGTERM in which the process has ended")
    load_timeout_s: float = Field(300.0, gt=0, description="time to load one version, which fails after it")
    required_models: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="models that readiness waits for, with commas between"
    )

    jobs_dir: Path | Literal["off"] = Field(
        Path("jobs"), description="where batch jobs and their files are kept; off answers none"
    )
    jobs_days: int = Field(30, ge=1, description="days after which files and finished batch jobs are deleted")
    database_url: str = Field(
        DEFAULT, description="where events are kept: sqlite:///path, postgresql://user:password@host/name, or off"
    )
    events_days: int = Field(365, ge=0, description="after which an event is deleted; 0 keeps all")
    events_pepper: SecretStr = Field(
        SecretStr(""), description="a secret: users are then stored as HMAC-SHA256 of their ids under it"
    )
    log_answers: float = Field(0.0, ge=0, le=1, description="share of answers that are kept beside the events")
    answers_keep: Literal["masked", "outputs", "whole"] = Field(
        "masked", description="inputs and outputs without addresses and numbers, such outputs alone, or all as it is"
    )

    keys: Literal["auto", "on", "off"] = Field("auto", description="auto asks for keys unless only loopback can call")
    keys_file: Path = Field(Path("keys.json"), description="where `python -m app keys` keeps them, as hashes")
    tls_cert: Path | None = Field(None, description="certificate in PEM, with those between it and its root, for https")
    tls_key: Path | None = Field(None, description="its private key in PEM, not encrypted")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="origins whose pages may call, with commas between; * for all"
    )
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="names with a dot by which it may be called, with commas between; * for all",
    )

    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="addresses or networks, with commas between, whose X-Forwarded-For is believed",
    )

    ray_address: str = Field("", description="Ray cluster to join, or auto; empty starts one for this process")
    ray_fleet: str = Field("tessera", pattern=r"^[a-z0-9-]+$", description="name of the fronts that share replicas")
    ray_file: Path | None = Field(None, description="JSON file: replicas of models, and what each may use")

    drift: Literal["on", "off"] = Field("on", description="whether answers are compared with those of training")
    log_format: LogFormat = Field("text", description="text or json, a line each")
    log_requests: float = Field(1.0, ge=0, le=1, description="share of requests with a line; failures always have one")

    @field_validator("cors_origins", "hosts", "models", "required_models", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, given: Any) -> Any:
        return [one.strip() for one in given.split(",")] if isinstance(given, str) else given

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            # With a path or a slash it would never be equal to what a browser sends.
            if not re.fullmatch(ORIGIN, origin):
                raise ValueError(f"{origin!r} is no origin, such as https://example.org or http://localhost:3000")
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ip_network(proxy)
            except ValueError as error:
                raise ValueError(f"{proxy!r} is no address or network, such as 10.0.0.2 or 10.0.0.0/24") from error
        return proxies

    @field_validator("hosts")
    @classmethod
    def _are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not re.fullmatch(HOST_NAME, host):
                raise ValueError(f"{host!r} is no name of a host, such as models.example.org; ports are left out")
        return hosts

    @field_validator("events_pepper")
    @classmethod
    def _is_secret(cls, pepper: SecretStr) -> SecretStr:
        if 0 < len(pepper.get_secret_value()) < SHORTEST_PEPPER:
            raise ValueError(f"a secret of fewer than {SHORTEST_PEPPER} characters can be guessed")
        return pepper

    @property
    def known_hosts(self) -> tuple[str, ...] | None:
        """The names by which it may be called; None for any. On loopback without keys a browser is the only danger."""
        is_open = not self.asks_for_keys and _is_loopback(self.host)
        return self.hosts if self.hosts or is_open else None

    @property
    def num_connections(self) -> int:
        """Connections at once. Raises ValueError if `max_connections` was set to more than there are descriptors."""
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        room = max(descriptors - DESCRIPTORS_FOR_OURSELVES, 1)
        if self.max_connections > room and "max_connections" in self.model_fields_set:
            raise ValueError(
                f"TESSERA_MAX_CONNECTIONS is {self.max_connections}; this process may open {descriptors} files, "
                f"which leaves room for {room} connections"
            )
        return min(self.max_connections, room)

    @property
    def tls_files(self) -> tuple[Path, Path] | None:
        """Certificate and key; None without TLS. Raises ValueError if only one of the two was set."""
        if self.tls_cert is None and self.tls_key is None:
            return None
        if self.tls_cert is None or self.tls_key is None:
            missing = "TESSERA_TLS_CERT" if self.tls_cert is None else "TESSERA_TLS_KEY"
            raise ValueError(f"{missing} is not set, and TLS needs both TESSERA_TLS_CERT and TESSERA_TLS_KEY")
        return self.tls_cert, self.tls_key

    @property
    def asks_for_keys(self) -> bool:
        return self.keys == "on" or (self.keys == "auto" and not _is_loopback(self.host))

    @classmethod
    def load(cls) -> Self:
        """Raises ValueError for a variable that is unknown or unusable."""
        known = {PREFIX + name.upper() for name in cls.model_fields} | OTHERS
        unknown = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known)
        if unknown:
            raise ValueError(f"unknown setting {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
        return cls()


class TracingSettings(BaseSettings):
    """`OTEL_<NAME>` in the environment, as OpenTelemetry defines them; whatever else it defines, its library reads.

    Without an endpoint there are no traces, and none of the others counts: a cluster may set them for all that runs.
    """

    model_config = SettingsConfigDict(
        env_prefix="OTEL_", env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    sdk_disabled: bool = Field(False, description="true: no traces, whatever else is set")
    exporter_otlp_endpoint: str = Field("", description="the collector, to whose URL /v1/traces is added")
    exporter_otlp_traces_endpoint: str = Field("", description="the same as the whole URL, which goes first")
    exporter_otlp_protocol: str = Field("http/protobuf", description="no other is spoken")
    exporter_otlp_traces_protocol: str = Field("", description="the same for traces, which goes first")
    traces_exporter: str = Field("otlp", description="otlp, or none for no traces")
    traces_sampler: str = Field("parentbased_always_on", description="which requests have a trace that is recorded")
    traces_sampler_arg: str = Field("", description="the share, for samplers that take one")

    @property
    def endpoint(self) -> str:
        """The URL to which traces are sent; empty without traces."""
        if self.sdk_disabled or self.traces_exporter == "none":
            return ""
        if self.exporter_otlp_traces_endpoint:
            return self.exporter_otlp_traces_endpoint
        return f"{self.exporter_otlp_endpoint.rstrip('/')}/v1/traces" if self.exporter_otlp_endpoint else ""

    @property
    def sampler(self) -> Sampler:
        """The choice of requests. Raises ValueError for one that there is not."""
        return sampler_of(self.traces_sampler, self.traces_sampler_arg)

    @model_validator(mode="after")
    def _can_be_done(self) -> Self:
        if not self.endpoint:
            return self
        if not _is_web_address(self.endpoint):  # which is not repeated, since it may have a password
            raise ValueError("OTEL_EXPORTER_OTLP_ENDPOINT is no URL such as http://collector:4318")
        if (protocol := self.exporter_otlp_traces_protocol or self.exporter_otlp_protocol) != "http/protobuf":
            raise ValueError(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r:.40}; traces are sent by http/protobuf only")
        if self.traces_exporter != "otlp":
            raise ValueError(f"OTEL_TRACES_EXPORTER is {self.traces_exporter!r:.40}; there are: otlp, none")
        assert self.sampler, "it is what there is"
        return self


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port that is none
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
