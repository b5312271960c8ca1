"""What does a plugin say about itself?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import ConfigurationError

Kind: TypeAlias = Literal[
    "llm", "vector_db", "embedding", "parser", "reranker", "auth", "rate_limiter", "cache", "notifier"
]
KINDS: tuple[str, ...] = get_args(Kind)
FILE = "plugin.yaml"
_ROOT = Path(__file__).parents[1]


class Manifest(BaseModel):
    """Content of ``plugin.yaml``.

    Attributes:
        protocol: Version of ``plugins.interfaces`` it was written for.
        reference: ``module:Class`` of the implementation.
        modules: Libraries it imports when it is built.
        hosts: Hosts it calls unless its options name others.
        local: Whether it works without calling anything outside this machine, unless its options name another.
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
        return Manifest.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
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
