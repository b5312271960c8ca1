"""Do LangChain's classes that settings name load in the default install?"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.servers.model_server import WORDS
from tests.servers.openai_server import OpenAIServer


async def test_chat_models_embeddings_and_loaders_work_without_any_further_package(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tests.fixtures.default_install"]
    async with OpenAIServer().running() as server:
        asked = await asyncio.create_subprocess_exec(*program, server.address, tmp_path, stdout=asyncio.subprocess.PIPE)
        written, _ = await asked.communicate()
    found = json.loads(written.splitlines()[-1])  # logs stand before it
    assert found.pop("langchain_openai:OpenAIEmbeddings") > 0
    assert found == {
        "langchain_openai:ChatOpenAI": "".join(WORDS),
        "langchain_community.chat_models:ChatYi": "".join(WORDS),
        "langchain_community.embeddings:DeterministicFakeEmbedding": 8,
        "langchain_community.document_loaders:CSVLoader": "Part: Pump\nPrice: 40",
    }
