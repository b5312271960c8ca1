"""Routes: how are questions asked and conversations kept?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from chat_app.gateway.authentication import App, Caller, ClosedRoute
from chat_app.gateway.schemas import ChatRequest, FeedbackBody, TitleBody
from core.errors import ProviderError
from core.events import Outcome
from services.answers.runs import AnswerRun
from services.views.chats import ChatPage, ChatView, MessageView

router = APIRouter(route_class=ClosedRoute, prefix="/api/v1", tags=["chat"])


@router.post("/chat")
async def ask(body: ChatRequest, services: App, principal: Caller) -> MessageView:
    """Ask, and get the whole answer."""
    run = await _start(body, services, principal)
    done = await run.wait()
    if done.outcome is Outcome.FAILED or run.message is None:
        raise ProviderError(done.error or "The answer could not be stored.", next_step="Try again.")
    return run.message


@router.post("/chat/stream")
async def ask_streamed(body: ChatRequest, services: App, principal: Caller) -> StreamingResponse:
    """Ask, and watch the answer come as server-sent events; leaving does not stop it."""
    run = await _start(body, services, principal)
    return StreamingResponse(
        _sse(run), media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


@router.post("/chat/runs/{run_id}/stop", status_code=204)
async def stop(run_id: UUID, services: App, principal: Caller) -> None:
    """End an answer that is being made; what was said so far is kept."""
    await services.answering.stop(principal, run_id)


@router.get("/chats")
async def chats(
    services: App,
    principal: Caller,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    q: Annotated[str, Query(max_length=200)] = "",
) -> ChatPage:
    """The caller's conversations, latest first; with ``q`` those whose title or messages hold all its words."""
    return await services.chats.list_page(principal, cursor=cursor, limit=limit, query=q)


@router.post("/chats", status_code=201)
async def create_chat(body: TitleBody, services: App, principal: Caller) -> ChatView:
    """Begin a conversation."""
    return await services.chats.create(principal, title=body.title)


@router.get("/chats/{chat_id}")
async def chat(chat_id: UUID, services: App, principal: Caller) -> ChatView:
    """One conversation."""
    return await services.chats.get(principal, chat_id)


@router.patch("/chats/{chat_id}")
async def rename_chat(chat_id: UUID, body: TitleBody, services: App, principal: Caller) -> ChatView:
    """Give a conversation another title."""
    return await services.chats.rename(principal, chat_id, body.title)


@router.delete("/chats/{chat_id}", status_code=204)
async def delete_chat(chat_id: UUID, services: App, principal: Caller) -> None:
    """Remove a conversation."""
    await services.chats.delete(principal, chat_id)


@router.get("/chats/{chat_id}/messages")
async def messages(chat_id: UUID, services: App, principal: Caller) -> tuple[MessageView, ...]:
    """What was said."""
    return await services.chats.messages(principal, chat_id)


@router.post("/messages/{message_id}/feedback", status_code=204)
async def feedback(message_id: UUID, body: FeedbackBody, services: App, principal: Caller) -> None:
    """Rate an answer."""
    await services.chats.feedback(principal, message_id, body.value, body.comment)


async def _start(body: ChatRequest, services: App, principal: Caller) -> AnswerRun:
    return await services.answering.ask(
        principal,
        body.question,
        chat_id=body.chat_id,
        collection_ids=body.collection_ids,
        document_ids=body.document_ids,
        as_of=body.as_of,
    )


async def _sse(run: AnswerRun) -> AsyncIterator[str]:
    yield f'event: run\ndata: {{"run_id": "{run.id}", "chat_id": "{run.chat_id}"}}\n\n'
    async for event in run.events():
        yield f"event: {event.type}\ndata: {event.model_dump_json()}\n\n"
