"""Does Bullets keep the contract of its kind?"""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
from foundry_bullets import Bullets

from plugins.framework.contract import verify
from plugins.interfaces import PluginContext


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    async def try_it() -> None:
        async with httpx.AsyncClient() as http:
            await verify("llm", Bullets(Bullets.Options(), PluginContext(http=http, data_dir=tmp_path)))

    asyncio.run(try_it())
