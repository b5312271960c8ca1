"""What does a plugin say about itself, and where does it send text?"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, get_args
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import ConfigurationError

Kind: TypeAlias = Literal[
    "llm", "vector_db", "embedding", "parser", "reranker", "auth", "rate_limiter", "cache", "notifier"
]
KINDS: tuple[str, ...] = get_args(Kind)
FILE = "plugin.yaml"
_ROOT = Path(__file__).parent
_SEES_TEXT = ("llm", "embedding", "reranker")
_ADDRESS_OPTIONS = ("base_url", "url", "endpoint", "host")


class Manifest(BaseModel):
    """Content of ``plugin.yaml``.

    Attributes:
        protocol: Version of ``plugins.interfaces`` it was written for.
        reference: ``module:Class`` of the implementation.
        modules: Libraries it imports when it is built.
        hosts: Hosts it calls unless its options name others.
        local: Whether it works without calling anything outside this machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    kind: Kind
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    protocol: int = Field(ge=1)
    reference: str = Field(pattern=r"^[\w.]+:\w+$")
    description: str = Field(min_length=10)
    modules: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    local: bool


class Entry(Protocol):
    """An entry of the settings, as the manager needs it."""

    @property
    def name(self) -> str: ...
    @property
    def plugin(self) -> str: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def config(self) -> Mapping[str, Any]: ...


Entries: TypeAlias = Mapping[str, Sequence[Entry]]


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file.

    Raises:
        ConfigurationError: It cannot be read or says something that is not allowed.
    """
    try:
        return Manifest.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path.parent.name}/{path.name} cannot be read: {error}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigurationError(f"{path.parent.name}/{path.name} is wrong: {problems}") from error


def discover(root: Path = _ROOT) -> list[tuple[Path, Manifest]]:
    """Folder and manifest of every shipped plugin, in the order of their folders.

    Raises:
        ConfigurationError: One of them is wrong.
    """
    return [(path.parent, read_manifest(path)) for path in sorted(root.glob(f"*/*/{FILE}"))]


def manifest_of(reference: str) -> Manifest | None:
    """The manifest of a shipped plugin by its reference; None when there is none."""
    return _shipped().get(reference)


def models_leaving(entries: Entries) -> list[tuple[str, str]]:
    """Where texts of questions and passages go: (name of the entry, host), only enabled entries, only other machines.

    The address in the options counts; without one, what the manifest says. An entry about which nothing is known is
    listed too: silence must not pass for "stays here".
    """
    leaving = []
    for kind in _SEES_TEXT:
        for entry in entries.get(kind, ()):
            if entry.enabled:
                leaving += [(entry.name, host) for host in _hosts(entry)]
    return leaving


def _hosts(entry: Entry) -> Sequence[str]:
    manifest = manifest_of(entry.plugin)
    if manifest is not None and manifest.local:
        return ()
    address = next((str(entry.config[key]) for key in _ADDRESS_OPTIONS if entry.config.get(key)), "")
    if address:
        host = urlsplit(address if "://" in address else f"//{address}").hostname or address
        return () if _is_here(host) else (host,)
    return (manifest.hosts if manifest is not None else ()) or ("an address unknown to us",)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@cache
def _shipped() -> Mapping[str, Manifest]:
    return {manifest.reference: manifest for _, manifest in discover()}
