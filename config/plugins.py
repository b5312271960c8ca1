"""Which settings say what is plugged in?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from config.section import Section
from core.plugin_kinds import SETTINGS_KEYS


class Routing(Section):
    """When a model entry is used."""

    priority: int = Field(100, ge=0, description="Lower comes first.")
    models: tuple[str, ...] = Field((), description="Model names it takes, as globs; empty means all it knows.")
    fallback_for: tuple[str, ...] = Field((), description="Entries it stands in for when they fail.")
    local: bool | None = Field(
        None, description="Whether confidential documents may reach it. Unsaid: when nothing leaves this machine."
    )


class PluginEntry(Section):
    """One plugin with its options."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="Name of the entry, unique in its kind.")
    plugin: str = Field(
        pattern=r"^[A-Za-z_][\w.-]*(:[A-Za-z_]\w*)?$",
        description="module:Class under `plugins`, or the name of an installed entry point.",
    )
    enabled: bool = Field(True, description="Whether it is built.")
    enabled_by: tuple[str, ...] = Field(
        (), description="Environment variables: where `enabled` is not said, one of them set enables the entry."
    )
    # Options may hold keys, so they never show up in a repr.
    config: Mapping[str, Any] = Field(default_factory=dict, repr=False, description="Options of the plugin.")
    mime_types: tuple[str, ...] = Field(
        (), description="For parsers: the types it reads, before parsers that name none. Empty: all it can."
    )
    routing: Routing | None = Field(None, description="For models: when it is used. For rerankers: `local` alone.")


class VectorDatabases(Section):
    """Which of the stores is used, and which stands in: an entry, or the name of one in plugins.vector_db."""

    primary: str = Field("", description="Entry that is used. Empty: vector_db.provider.")
    fallback: str = Field("", description="Entry that is read while the primary is down. Empty: none.")


Entries = tuple[PluginEntry, ...]


class PluginSettings(Section):
    """Entries by kind, best first; as a list, or as a mapping by name."""

    llm_providers: Entries = Field((), description="Language models.")
    vector_db: Entries = Field((), description="Vector stores; only primary and fallback are built.")
    embedding_models: Entries = Field(
        (), description="Embedding models; the entry `default`, else the first enabled, makes the vectors."
    )
    document_parsers: Entries = Field((), description="Document parsers.")
    reranker: Entries = Field((), description="Rerankers; the first that runs ranks.")
    authentication: Entries = Field((), description="Ways to sign in.")
    rate_limiter: Entries = Field((), description="Rate limiters.")
    cache: Entries = Field((), description="Caches.")
    notifiers: Entries = Field((), description="Notifiers.")
    vector_databases: VectorDatabases = VectorDatabases()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for kind in KINDS:
            names = [entry.name for entry in self.of(kind)]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{SETTINGS_KEYS[kind]}: {', '.join(twice)} stands there twice; names are unique")
        return self

    def of(self, kind: str) -> Entries:
        """All entries of a kind (``llm``, ``parser``, …), disabled ones too.

        Raises:
            KeyError: There is no such kind.
        """
        entries: Entries = getattr(self, SETTINGS_KEYS[kind])
        return entries

    @property
    def embedding(self) -> PluginEntry | None:
        """The entry that makes the vectors: the one called ``default``, else the first that is enabled."""
        enabled = [entry for entry in self.embedding_models if entry.enabled]
        return next((entry for entry in enabled if entry.name == "default"), enabled[0] if enabled else None)


KINDS: tuple[str, ...] = tuple(SETTINGS_KEYS)
