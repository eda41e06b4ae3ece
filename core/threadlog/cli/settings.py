"""Every setting of threadlog, and how it is read.

A setting comes, later ones winning, from its default here, from a YAML file, and from ``key=value`` overrides.
Values may refer to the environment (``${oc.env:API_KEY,}``) and to each other (``${server.host}``).
`docs/reference/settings.md` lists them all; a test holds that list.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from threadlog.cli.sources import Sources
from threadlog.log import Durability, LogURL, UnknownScheme, check_id

ENVIRONMENT = "THREADLOG_SETTINGS"
"""The environment variable that names the settings file."""


def default_log_url() -> LogURL:
    """The embedded file log in the user's data folder."""
    return LogURL("file:" + os.path.join(platformdirs.user_data_dir("threadlog", appauthor=False), "log"))


def _log_url(value: Any) -> LogURL:
    if isinstance(value, LogURL):
        return value
    if not isinstance(value, str):
        raise ValueError("a log URL is text: write file:PATH, memory: or postgresql://HOST/DATABASE.")
    try:
        return LogURL(value)
    except UnknownScheme as error:
        raise ValueError(str(error)) from None


def _agent_path(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[\w.]+:[\w.]+", value):
        raise ValueError("an agent is named as module:function.")
    return value


def _id(value: str) -> str:
    check_id("it", value)
    return value


Id = Annotated[str, AfterValidator(_id)]
"""A name that a log can carry."""


class Section(BaseModel):
    """A group of settings: immutable, without unknown keys, and silent about its values in errors."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, data: Any) -> Any:
        """A section whose keys are all commented out is none in YAML."""
        return {} if data is None else data


class LogSettings(Section):
    """Where events are kept."""

    url: Annotated[LogURL, BeforeValidator(_log_url)] = Field(default_factory=default_log_url)
    """URL of the event log; its scheme names the storage plugin. By default a file log in your data folder."""
    shards: int | None = Field(default=None, ge=1, le=1024)
    """Shards of a log that is made (an existing one keeps its own); empty: the plugin's default."""
    require: Literal["memory", "process", "disk", "replicated"] | None = None
    """What an acknowledged event must survive: a log that attains less is refused. Empty: whatever it attains."""

    @property
    def durability(self) -> Durability | None:
        """`require` as the level that `threadlog.log` knows."""
        return None if self.require is None else Durability[self.require.upper()]


class ServerLimits(Section):
    """What keeps the server bounded."""

    body_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    """Largest request body, in bytes."""
    page: int = Field(default=100, ge=1, le=1000)
    """Most threads, items or events of one page."""
    connections: int = Field(default=4000, ge=1)
    """Most requests at once, event streams included; further ones are answered 503."""
    streams: int = Field(default=2000, ge=1)
    """Most event streams at once; further ones are answered 429."""
    streams_per_user: int = Field(default=1000, ge=1)
    """Most event streams of one user at once; further ones are answered 429."""
    runs: int = Field(default=100, ge=1)
    """Most agent runs at once; further messages are answered 503."""
    run_seconds: float = Field(default=600, gt=0)
    """Longest run, in seconds; then it is ended and recorded as failed."""
    heartbeat_seconds: float = Field(default=15, gt=0)
    """Silence of an event stream after which a comment is sent, in seconds."""
    shutdown_seconds: float = Field(default=10, ge=0)
    """How long a stopping server waits for its streams and runs, in seconds."""


class ServerSettings(Section):
    """The HTTP server."""

    host: str = "127.0.0.1"
    """Address to listen on; without authentication a loopback address."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    allowed_hosts: tuple[str, ...] = ()
    """Names in ``Host`` that are answered beside those of loopback (a guard against DNS rebinding)."""
    allowed_origins: tuple[str, ...] = ()
    """Other origins whose pages may call the server, such as ``http://localhost:5173``."""
    limits: ServerLimits = ServerLimits()


class OpenAISettings(Section):
    """An OpenAI-compatible endpoint; where `model` is set, it answers instead of the folder agent."""

    base_url: str | None = None
    """Address of the endpoint, such as ``http://localhost:11434/v1``; empty: OpenAI's own."""
    api_key: SecretStr | None = None
    """Key of the endpoint; best given as ``${oc.env:OPENAI_API_KEY,null}``."""
    model: str | None = None
    """Name of the model."""


class AgentSettings(Section):
    """Who answers messages."""

    path: Annotated[str | None, BeforeValidator(_agent_path)] = None
    """Your own agent as ``module:function``; it comes before the two below."""
    folder: Path = Path()
    """The folder that the built-in agent may list, read and search."""
    openai: OpenAISettings = OpenAISettings()


class TelemetrySettings(Section):
    """Traces and metrics by OpenTelemetry."""

    enabled: bool = False
    """Whether traces and metrics are exported; needs ``threadlog[telemetry]``."""
    endpoint: str | None = None
    """Address of an OTLP/HTTP collector; empty: what OpenTelemetry's own environment variables say."""
    service_name: str | None = None
    """How this server is called in traces; empty: what `OTEL_SERVICE_NAME` says, or ``threadlog``."""


class PrincipalSettings(Section):
    """The development principal: who acts where nobody authenticates."""

    tenant: Id = "default"
    """The tenant whose threads are seen."""
    user: Id = "developer"
    """The user who owns new threads."""
    roles: tuple[str, ...] = ("member",)
    """Roles within the tenant: ``member``, ``auditor``, ``admin``. The command line acts as an admin besides."""


class Settings(Section):
    """All settings."""

    log: LogSettings = Field(default_factory=LogSettings)
    server: ServerSettings = ServerSettings()
    agent: AgentSettings = AgentSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    principal: PrincipalSettings = PrincipalSettings()


def load_settings(
    file: Path | None = None, overrides: Sequence[str] = (), options: Mapping[str, str] = MappingProxyType({})
) -> Settings:
    """Read the settings.

    Args:
        file: the YAML file; None takes the one that the environment's `THREADLOG_SETTINGS` names, if any.
        overrides: ``key=value`` texts, such as ``server.port=8001``; values are read as YAML.
        options: values by key that options of the command line gave; they win over all else.

    Raises:
        SettingsError: a file is missing or no YAML, or a key or value is wrong; the message names it and its place.
    """
    if file is None and os.environ.get(ENVIRONMENT):
        file = Path(os.environ[ENVIRONMENT])
    sources = Sources.read(file, overrides, options)
    try:
        return Settings.model_validate(sources.values())
    except ValidationError as error:
        raise sources.explain(error, Settings) from None
