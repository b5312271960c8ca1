"""Which settings say where things run and how they are reached?"""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import Field, SecretStr

from config.section import LATER, Port, Section, Share

Environment = Literal["development", "staging", "production"]


class AppSettings(Section):
    """The application as a whole."""

    name: str = Field("Knowledge Foundry", min_length=1, description="Name shown to people.")
    version: str = Field("0.4.0", description="Version shown to people and in the API.")
    environment: Environment = Field("development", description="Whether dev.yaml, staging.yaml or prod.yaml applies.")
    debug: bool = Field(False, description="Errors of the API say where they came from; refused in production.")
    hot_reload: bool = Field(False, description="Apply changed YAML while running.")

    @property
    def in_production(self) -> bool:
        """Whether people work with it, so that nothing is made easy at the cost of safety."""
        return self.environment == "production"


class StorageSettings(Section):
    """Files on this machine."""

    data_dir: Path = Field(Path(".data"), description="Folder for everything that is stored in files.")
    backup_days: int = Field(30, ge=0, description="How long backups are kept; receipts of deletions name the day.")
    min_free_mb: int = Field(500, ge=0, description="Space that uploads leave free on its disk; then they are refused.")


class MaintenanceSettings(Section):
    """Upkeep by the workers, and what is kept for how long."""

    every_hours: int = Field(24, ge=1, description="Hours between two rounds of each kind of upkeep.")
    keep_versions: int | None = Field(
        None, ge=0, description="Versions kept of a document beside the one that answers; null keeps all."
    )
    keep_versions_days: int | None = Field(
        None, ge=1, description="Days a version is kept after it ended to answer; null keeps it."
    )
    unused_file_hours: int = Field(24, ge=1, description="Hours after which a stored file that nothing has is removed.")


class ChatSettings(Section):
    """The chat and the API."""

    host: str = Field("127.0.0.1", description="Address the chat listens on.")
    port: Port = Field(8000, description="Port the chat listens on.")
    public_url: str = Field(
        "", pattern=r"^(https?://[^/\s]+[^\s]*)?$", description="Address people use, if not host and port."
    )
    allowed_origins: tuple[str, ...] = Field((), description="Web origins that may call the API (CORS).")
    trusted_proxies: tuple[str, ...] = Field(
        ("127.0.0.1",), description="Addresses whose X-Forwarded-For header is believed."
    )

    @property
    def url(self) -> str:
        """Address to give to people, without a slash at its end."""
        return self.public_url.rstrip("/") or f"http://{_reachable(self.host)}:{self.port}"


class AdminSettings(Section):
    """The admin app."""

    host: str = Field("127.0.0.1", description="Address the admin app listens on.")
    port: Port = Field(8501, description="Port the admin app listens on.")
    public_url: str = Field(
        "", pattern=r"^(https?://[^/\s]+[^\s]*)?$", description="Address administrators use, if not host and port."
    )

    @property
    def url(self) -> str:
        """Address to give to administrators, without a slash at its end."""
        return self.public_url.rstrip("/") or f"http://{_reachable(self.host)}:{self.port}"


class DatabaseSettings(Section):
    """PostgreSQL, and the three roles that connect to it."""

    host: str = Field(
        "", description="Host, or folder of a Unix socket. Empty: the embedded server that `foundry up` starts."
    )
    port: Port = Field(5432, description="Port.")
    name: str = Field("foundry", min_length=1, description="Database.")
    user: str = Field("foundry_app", min_length=1, description="Role of the application; owns nothing.")
    password: SecretStr = Field(SecretStr(""), description="Its password.")
    migration_user: str = Field("foundry_owner", min_length=1, description="Role that owns and changes tables.")
    migration_password: SecretStr = Field(SecretStr(""), description="Its password.")
    maintenance_user: str = Field(
        "foundry_maintenance", min_length=1, description="Role of sweeps and the operator; sees every organisation."
    )
    maintenance_password: SecretStr = Field(SecretStr(""), description="Its password.")
    pool_size: int = Field(20, ge=1, le=500, description="Connections kept open by a process.")
    max_overflow: int = Field(10, ge=0, le=500, description="Connections beyond these, for a moment.")
    pool_pre_ping: bool = Field(True, description="Test a connection before using it.")
    ssl_mode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "prefer", description="How TLS is asked for, in libpq's words."
    )
    echo: bool = Field(False, description="Log every statement; refused in production, where they hold people's words.")


class VectorDBSettings(Section):
    """Where vectors are kept."""

    provider: str = Field(
        "pgvector", min_length=1, description="Shorthand for plugins.vector_databases.primary; the two must agree."
    )
    host: str = Field("", description="Host of a store that has one, such as Qdrant.")
    port: Port = Field(6333, description="Its port.")
    collection: str = Field(
        "chunks", pattern=r"^[a-z][a-z0-9_]{0,47}$", description="Collection (table) that holds the chunks."
    )
    vector_size: int = Field(384, ge=1, le=16_000, description="Length of a vector; must be the embedding model's.")
    distance_metric: Literal["cosine"] = Field("cosine", description="How near is measured: so does every store here.")
    prefer_grpc: bool = Field(False, description="Speak gRPC with a store that can.")


class RedisSettings(Section):
    """Redis: queue, cache and limits."""

    host: str = Field("", description="Host, or path of a Unix socket. Empty: the embedded server of `foundry up`.")
    port: Port = Field(6379, description="Port.")
    db: int = Field(0, ge=0, le=1023, description="Number of the database.")
    password: SecretStr = Field(SecretStr(""), description="Password.")
    max_connections: int = Field(50, ge=1, le=10_000, description="Connections a process may open.")
    tls: bool = Field(False, description="Use TLS.")
    allow_old_version: bool = Field(False, description="Accept servers below 8.2.2 in production.")

    @property
    def url(self) -> str:
        """URL for the redis client; carries the password."""
        password = self.password.get_secret_value()
        login = f":{quote(password, safe='')}@" if password else ""
        if self.host.startswith("/"):
            return f"unix://{login}{quote(self.host)}?db={self.db}"
        return f"{'rediss' if self.tls else 'redis'}://{login}{self.host}:{self.port}/{self.db}"


class QueueSettings(Section):
    """Background work."""

    broker_url: str = Field(
        "",
        pattern=r"^((rediss?|unix)://\S+)?$",
        repr=False,
        description="Redis of the queue, such as redis://host:6379/0. Empty: the one of the section redis.",
    )
    names: tuple[str, ...] = Field(("ingestion", "maintenance"), min_length=1, description="Queues, most urgent first.")
    job_timeout_s: int = Field(7200, ge=1, le=86_400, description="A document that takes longer to read is given up.")
    max_attempts: int = Field(3, ge=1, le=10, description="Attempts (kills count) before a document is set aside.")
    lease_s: int = Field(15, ge=5, le=3600, description="How long a worker owns a task without a sign of life.")
    heartbeat_s: int = Field(5, ge=1, le=600, description="How often it gives one.")
    sweep_interval_s: int = Field(5, ge=1, le=3600, description="How often forgotten tasks are looked for.")


class LoggingSettings(Section):
    """What is logged and where to."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least serious level kept.")
    format: Literal["json", "console"] = Field("json", description="For machines (Elastic Common Schema) or people.")
    output: str = Field("stdout", min_length=1, description="stderr, stdout or the path of a file.")
    include_content: bool = Field(False, description="Log texts of questions and answers; refused in production.")


class TracingSettings(Section):
    """Traces, sent to Langfuse."""

    enabled: bool = Field(False, description="Send traces.")
    provider: Literal["langfuse"] = Field("langfuse", description="Where to.")
    langfuse_host: str = Field(
        "http://localhost:3000", pattern=r"^https?://[^\s/]+\S*$", description="Address of the Langfuse server."
    )
    langfuse_public_key: str = Field("", description="Public key of the project; required when enabled.")
    langfuse_secret_key: SecretStr = Field(SecretStr(""), description="Secret key of the project; likewise.")
    sample_rate: Share = Field(1.0, description="Share of questions that are traced.")


class MetricsSettings(Section):
    """Prometheus metrics."""

    enabled: bool = Field(True, description="Offer metrics.")
    provider: Literal["prometheus"] = Field("prometheus", description="Who reads them.")
    host: str = Field("127.0.0.1", min_length=1, description="Address the worker offers its metrics on.")
    port: int = Field(
        9090,
        ge=0,
        le=65535,
        description="Port of the worker's metrics, 0 for any that is free; the chat offers its own under /metrics.",
    )


class ObservabilitySettings(Section):
    """Logs, traces, metrics."""

    logging: LoggingSettings = LoggingSettings()
    tracing: TracingSettings = Field(TracingSettings(), json_schema_extra=LATER)
    metrics: MetricsSettings = MetricsSettings()


def _reachable(host: str) -> str:
    # 0.0.0.0 and :: are listened on, never called.
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
