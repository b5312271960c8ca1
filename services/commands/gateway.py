"""How does `foundry up` try out what it started? Through the same HTTP door as everybody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx

from core.errors import AuthenticationError, DocumentError, KnowledgeFoundryError, ProviderUnavailableError
from core.events import ANSWER_EVENT, AnswerEvent
from core.states import TaskStatus
from services.views.documents import DocumentPage
from services.views.uploads import Receipt

SESSION_COOKIE = "kf_session"
FORM_COOKIE = "kf_form"
_POLL_S = 0.3


class Gateway:
    """A signed-in caller of the API."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    @classmethod
    @asynccontextmanager
    async def sign_in(cls, url: str, link_token: str) -> AsyncIterator[Gateway]:
        """Redeem a one-time link, as a browser would.

        Raises:
            AuthenticationError: The link does not work.
        """
        async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
            page = f"/login/link/{link_token}"
            await client.get(page)
            form = {"token": client.cookies.get(FORM_COOKIE, "")}
            response = await client.post(page, data=form, follow_redirects=False)
            token = client.cookies.get(SESSION_COOKIE)
            if token is None:
                raise AuthenticationError(f"The sign-in link was not accepted (HTTP {response.status_code}).")
            # As a bearer the same session needs no CSRF token, for no browser sends it by itself.
            client.cookies.clear()
            client.headers["Authorization"] = f"Bearer {token}"
            yield cls(client)

    async def has_documents(self) -> bool:
        """Whether there is any document."""
        response = _checked(await self._client.get("/api/v1/documents", params={"limit": 1}))
        return DocumentPage.model_validate_json(response.content).total > 0

    async def upload(self, path: Path) -> Receipt:
        """Hand in one file.

        Raises:
            DocumentError: It is not taken in; says why.
        """
        content = await asyncio.to_thread(path.read_bytes)
        response = await self._client.post("/api/v1/documents", files={"file": (path.name, content)})
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY and "failure_code" in (said := response.json()):
            raise DocumentError(
                f"{path.name}: {said['detail']}",
                failure_code=str(said["failure_code"]),
                next_step=str(said.get("next_step", "")),
            )
        return Receipt.model_validate_json(_checked(response).content)

    async def wait(self, task_id: UUID, *, within_s: float) -> Receipt:
        """The receipt of a task that has ended.

        Raises:
            DocumentError: It failed; says why.
            ProviderUnavailableError: It did not end in time.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            receipt = Receipt.model_validate_json(_checked(await self._client.get(f"/api/v1/tasks/{task_id}")).content)
            if receipt.status is TaskStatus.FAILED:
                raise DocumentError(
                    f"{receipt.filename}: {receipt.error_message}",
                    failure_code=receipt.failure_code or "unknown",
                    next_step=receipt.next_step or "",
                )
            if receipt.status is TaskStatus.COMPLETED:
                return receipt
            await asyncio.sleep(_POLL_S)
        raise ProviderUnavailableError(f"A document was not ready within {within_s:g} s.", next_step="See worker.log.")

    async def ask(self, question: str) -> AsyncIterator[AnswerEvent]:
        """The events of an answer, as they come."""
        async with self._client.stream("POST", "/api/v1/chat/stream", json={"question": question}) as response:
            if response.is_error:
                await response.aread()
            _checked(response)
            name = ""
            async for line in response.aiter_lines():
                field, _, value = line.partition(":")
                if field == "event":
                    name = value.strip()
                elif field == "data" and name != "run":
                    yield ANSWER_EVENT.validate_json(value.strip())


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        said = response.text.strip()[:400]
        raise KnowledgeFoundryError(f"The chat answered HTTP {response.status_code}: {said}")
    return response
