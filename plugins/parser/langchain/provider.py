"""How is a file read by a document loader class of LangChain?

Loaders take a path when they are built and give documents with metadata; there is no agreement on what these say,
except for the number of a page. They run in the limited child like any parser: no network, and none of our secrets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from core.errors import ConfigurationError, DocumentError
from core.types import Health, ParsedDocument, ParsedPage, PluginStatus
from plugins.interfaces import PluginContext
from plugins.parser.text.provider import blocks_of
from plugins.vendors.langchain_classes import LANGCHAIN_MODULES, LangChainOptions, load

if TYPE_CHECKING:
    from langchain_core.document_loaders import BaseLoader

HEALTH_TIMEOUT_S = 4.0
LOADER_MODULES = (*LANGCHAIN_MODULES, "langchain_unstructured", "langchain_docling")


class LangChainParserOptions(LangChainOptions):
    """Options of the ``langchain`` plugin for parsers.

    Attributes:
        mime_types: Types of files that are given to the loader.
        path_argument: The argument of the class that takes the path of the file.
        max_characters: Of a file.
    """

    modules: tuple[str, ...] = LOADER_MODULES
    mime_types: tuple[str, ...] = Field(min_length=1)
    path_argument: str = Field(default="file_path", pattern=r"^[A-Za-z_]\w*$")
    max_characters: int = Field(default=20_000_000, ge=1)


class LangChainParser:
    """A loader class, wrapped."""

    Options = LangChainParserOptions

    def __init__(self, options: LangChainParserOptions, context: PluginContext | None = None) -> None:
        self._options = options
        self._class: type[BaseLoader] | None = None

    async def start(self) -> None:
        await asyncio.to_thread(self._loaded)

    async def close(self) -> None:
        """Nothing to release: a loader lives as long as its file is read."""

    async def health_check(self) -> Health:
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT_S):
                await asyncio.to_thread(self._loaded)
        except ConfigurationError as error:
            return Health(PluginStatus.BROKEN, str(error))
        except TimeoutError:
            return Health(PluginStatus.DEGRADED, f"Importing {self._options.reference} takes long.")
        return Health(PluginStatus.HEALTHY, self._options.reference)

    def supports_mime_type(self, mime_type: str) -> bool:
        return mime_type in self._options.mime_types

    async def parse(self, file_path: Path) -> ParsedDocument:
        return await asyncio.to_thread(self._parse, file_path)

    def _parse(self, file_path: Path) -> ParsedDocument:
        try:
            document = self._read(self._loaded(), file_path)
        except ConfigurationError as error:
            raise _misconfigured(error) from error
        if not document.text.strip():
            raise DocumentError(
                "No text was found in the file.",
                failure_code="no_text",
                next_step="If it holds only pictures, run text recognition over them first.",
            )
        return document

    def _loaded(self) -> type[BaseLoader]:
        if self._class is None:
            from langchain_core.document_loaders import BaseLoader

            self._class = load(self._options, BaseLoader)
        return self._class

    def _read(self, implementation: type[BaseLoader], file_path: Path) -> ParsedDocument:
        """One page for each page number that the loader gives; without numbers all is one page."""
        texts: dict[int, list[str]] = {}
        left, paged = self._options.max_characters, False
        for text, number in self._documents(implementation, file_path):
            left -= len(text)
            if left < 0:
                raise DocumentError(
                    f"The file has more than {self._options.max_characters:,} characters.",
                    failure_code="too_complex",
                    next_step="Split it into smaller files.",
                )
            paged = paged or number is not None
            texts.setdefault(number or 1, []).append(text)
        joined = {number: "\n\n".join(parts).strip("\n") for number, parts in sorted(texts.items())}
        return ParsedDocument(
            tuple(ParsedPage(number, text, blocks_of(text)) for number, text in joined.items()), paged=paged
        )

    def _documents(self, implementation: type[BaseLoader], file_path: Path) -> Iterator[tuple[str, int | None]]:
        reference = self._options.reference
        try:
            for document in self._built(implementation, file_path).lazy_load():
                text = str(document.page_content).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")
                yield text, _page_number(document.metadata)
        except (MemoryError, ConfigurationError):
            raise
        except ImportError as error:
            raise ConfigurationError(f"reference: {reference} needs more than is installed: {error}") from error
        except Exception as error:  # a loader raises whatever the library below it raises
            raise _unreadable(reference) from error

    def _built(self, implementation: type[BaseLoader], file_path: Path) -> BaseLoader:
        options = self._options
        secret = {name: value.get_secret_value() for name, value in options.secret_kwargs.items()}
        arguments: dict[str, Any] = {**options.kwargs, **secret, options.path_argument: str(file_path)}
        try:
            return implementation(**arguments)
        except TypeError as error:
            # Its values are not repeated: some are secret.
            raise ConfigurationError(
                f"kwargs: {options.reference} does not take its arguments.",
                next_step=f"See the class's own documentation; path_argument is {options.path_argument}.",
            ) from error


def _page_number(metadata: Mapping[str, Any]) -> int | None:
    """From 1. By LangChain's habit ``page`` counts from 0 and ``page_number`` from 1."""
    for key, first in (("page_number", 1), ("page", 0)):
        value = metadata.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= first:
            return value - first + 1
    return None


def _unreadable(reference: str) -> DocumentError:
    return DocumentError(
        f"The file cannot be read by {reference.partition(':')[2]}; it may be damaged or of another type.",
        failure_code="corrupt",
        next_step="Open it in its program, save it again, and upload that.",
    )


def _misconfigured(error: ConfigurationError) -> DocumentError:
    return DocumentError(
        f"The parser for this type is not set up: {error}",
        failure_code="parser_misconfigured",
        next_step="Tell the operator; see foundry plugins check.",
    )
