"""Which settings does the gateway need?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from config.loader import load_settings


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Values, so that the gateway reads no YAML.

    Attributes:
        cookie_lifetime_s: As long as a refresh token lives.
        secure_cookies: Browsers reach the gateway over TLS.
        debug: Problems tell where they came from.
        metrics: Whether requests are counted and ``/metrics`` is there.
    """

    name: str
    version: str
    host: str
    port: int
    allowed_origins: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    secure_cookies: bool
    cookie_lifetime_s: int
    data_dir: Path
    max_upload_bytes: int
    log_level: str
    log_format: Literal["json", "console"]
    log_output: str = "stderr"
    debug: bool = False
    metrics: bool = True


def gateway_settings() -> GatewaySettings:
    """Read the settings.

    Raises:
        ConfigurationError: They are wrong.
    """
    settings = load_settings().settings
    return GatewaySettings(
        name=settings.app.name,
        version=settings.app.version,
        host=settings.chat.host,
        port=settings.chat.port,
        allowed_origins=settings.chat.allowed_origins,
        trusted_proxies=settings.chat.trusted_proxies,
        secure_cookies=settings.chat.url.startswith("https://"),
        cookie_lifetime_s=settings.auth.refresh_token_expire_days * 86_400,
        data_dir=Path(settings.storage.data_dir),
        max_upload_bytes=settings.ingestion.max_file_size_mb * 1_000_000,
        log_level=settings.observability.logging.level,
        log_format=settings.observability.logging.format,
        log_output=settings.observability.logging.output,
        debug=settings.app.debug,
        metrics=settings.observability.metrics.enabled,
    )
