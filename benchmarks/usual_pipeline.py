"""How do others read documents? LangChain over unstructured and sentence-transformers on torch, into pgvector.

Run by ``benchmarks.ingestion`` in a process of its own. Each line on standard input names files, read one after the
other; one JSON line, on the descriptor it was given, answers with the seconds each took. All is loaded before that.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import httpx

from benchmarks.embedding import Embed, theirs
from core.types import EmbeddingKind, SparseVector, VectorPayload
from plugins.interfaces import PluginContext
from plugins.vector_db.pgvector.provider import PgvectorProvider

CHUNK_CHARACTERS, OVERLAP_CHARACTERS = 1000, 200
"""What LangChain's own examples use."""
COLLECTION = "usual"
BATCH = 32
MISSING = """The side to compare with is not installed. Into an environment that has what requirements-dev.lock names:
  python -m pip install torch==2.13.0
  python -m pip install sentence-transformers langchain-community langchain-text-splitters "unstructured[pdf,xlsx]"
and name its interpreter with --baseline-python."""


def go_offline() -> None:
    """unstructured would fetch a model and tell its makers; neither belongs into the measure."""
    os.environ |= {"DO_NOT_TRACK": "1", "SCARF_NO_ANALYTICS": "1", "UNSTRUCTURED_DISABLE_NOTICE": "1"}
    import spacy
    from unstructured.nlp import tokenize

    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    vars(tokenize)["_get_nlp"] = lambda *_: pipeline


class Usual:
    """The pipeline."""

    def __init__(self, threads: int) -> None:
        try:
            from langchain_community.document_loaders import UnstructuredFileLoader
            from langchain_text_splitters import RecursiveCharacterTextSplitter

            go_offline()
            self._embed: Embed = theirs(threads)[0]
        except ImportError as error:
            sys.exit(f"{error}\n{MISSING}")
        self._loader = UnstructuredFileLoader
        self._splitter = RecursiveCharacterTextSplitter(chunk_size=CHUNK_CHARACTERS, chunk_overlap=OVERLAP_CHARACTERS)

    def texts(self, path: Path) -> list[str]:
        """The chunks of a file; none of one that unstructured cannot read."""
        loader = self._loader(str(path), strategy="fast", languages=["eng"])
        return [document.page_content for document in self._splitter.split_documents(loader.load())]

    async def read(self, store: PgvectorProvider, path: Path, organization: UUID) -> int:
        """Make a file searchable; its number of chunks."""
        texts = self.texts(path)
        if not texts:
            return 0
        vectors = self._embed(texts, BATCH, EmbeddingKind.PASSAGE)
        document = uuid4()
        payload = VectorPayload(organization, uuid5(organization, "c"), document, uuid5(document, "v"))
        ids = [uuid5(document, str(number)) for number in range(len(texts))]
        await store.upsert(COLLECTION, vectors, [payload] * len(texts), ids, [SparseVector((), ())] * len(texts))
        return len(texts)


async def serve(usual: Usual) -> None:
    """Answer lines until there are no more."""
    async with httpx.AsyncClient() as http:
        context = PluginContext(
            http=http,
            data_dir=Path(os.environ["USUAL_FOLDER"]),
            database_url=os.environ["USUAL_DATABASE"],
            migration_url=os.environ["USUAL_MIGRATION"],
        )
        store = PgvectorProvider(PgvectorProvider.Options(), context)
        await store.start()
        await store.create_collection(COLLECTION, 384)
        usual._embed(["warm"] * BATCH, BATCH, EmbeddingKind.PASSAGE)
        _say({"ready": True})
        while line := await asyncio.to_thread(sys.stdin.readline):
            seconds, unread = {}, {}
            for name in json.loads(line):
                started = time.perf_counter()
                try:
                    chunks = await usual.read(store, Path(name), uuid4())
                except Exception as error:  # whatever its libraries raise, the file was not read
                    unread[name] = type(error).__name__
                else:
                    seconds[name] = time.perf_counter() - started
                    if not chunks:
                        unread[name] = "no text"
            _say({"seconds": seconds, "unread": unread})
        await store.close()


def _say(answer: dict[str, object]) -> None:
    os.write(int(sys.argv[1]), json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    asyncio.run(serve(Usual(os.cpu_count() or 1)))
