"""What does a test need that changes a setting and looks at the whole application?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from config.loader import LoadedSettings, load_settings
from services.bootstrap import Services, open_services

Loaded = Callable[..., LoadedSettings]
Opened = Callable[..., AbstractAsyncContextManager[Services]]


@pytest.fixture
def load(environment: dict[str, str]) -> Loaded:
    """The settings of the tests with some changed, written as ``section__key="value"``."""

    def run(**changed: str) -> LoadedSettings:
        return load_settings(environ=environment | {f"FOUNDRY__{key}": value for key, value in changed.items()})

    return run


@pytest.fixture
def opened(load: Loaded) -> Opened:
    """The application with some settings changed, over the same stores each time."""

    @asynccontextmanager
    async def run(**changed: str) -> AsyncIterator[Services]:
        async with open_services(load(**changed)) as services:
            yield services

    return run
