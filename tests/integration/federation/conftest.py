"""How do tests get a house whose people come from a directory?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.federated import House, opened_house


@pytest.fixture
async def house(environment: dict[str, str], tmp_path: Path) -> AsyncIterator[House]:
    async with opened_house(environment, tmp_path) as made:
        yield made
