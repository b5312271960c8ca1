"""How often is a message tried, and what becomes of the others when one fails?"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeGuard

import httpx
from pydantic import BaseModel, ConfigDict, Field
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)
from tenacity.wait import wait_base

from core.errors import (
    ConfigurationError,
    KnowledgeFoundryError,
    ProviderError,
    ProviderRateLimitError,
    ValidationError,
)
from core.types import Health, PluginStatus

SENT = ""
"""Outcome of a recipient who was reached."""


class DeliveryOptions(BaseModel):
    """How patient a notifier is; part of the options of each.

    Attributes:
        timeout_s: Of one attempt, from the first word to the last.
        attempts: Only what surely did not arrive, or may arrive twice without harm, is tried again.
        retry_within_s: No attempt begins later after the first one.
        concurrency: Messages of a batch under way at once.
        ca_file: PEM file of the only authority to trust; empty: those that browsers trust.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout_s: float = Field(default=10, gt=0, le=120)
    attempts: int = Field(default=3, ge=1, le=5)
    backoff_s: float = Field(default=0.5, gt=0, le=60)
    retry_within_s: float = Field(default=30, ge=0, le=600)
    concurrency: int = Field(default=4, ge=1, le=32)
    ca_file: str = ""


def require_text(subject: str, message: str) -> None:
    """Refuse a message that says nothing.

    Raises:
        ValidationError: Both are blank.
    """
    if not subject.strip() and not message.strip():
        raise ValidationError("A message needs a subject or a text.")


async def delivered(
    attempt: Callable[[], Awaitable[None]], options: DeliveryOptions, may_repeat: Callable[[ProviderError], bool]
) -> None:
    """Try until it arrives or there is no use in trying on.

    Args:
        may_repeat: Whether another attempt after this failure cannot deliver the message twice, or does no harm then.

    Raises:
        ProviderError: The last failure.
    """

    async def once() -> None:
        await attempt()

    retrying = AsyncRetrying(
        retry=retry_if_exception(lambda error: _may_pass(error) and may_repeat(error)),
        stop=stop_after_attempt(options.attempts) | stop_before_delay(options.retry_within_s),
        wait=_AskedFor() + wait_random_exponential(multiplier=options.backoff_s),
        reraise=True,
    )
    await retrying(once)


def _may_pass(error: BaseException) -> TypeGuard[ProviderError]:
    return isinstance(error, ProviderError) and error.retryable


class _AskedFor(wait_base):
    """As long as the service asked to be left alone."""

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome and retry_state.outcome.exception()
        return (error.retry_after_s or 0.0) if isinstance(error, ProviderRateLimitError) else 0.0


def never_taken(error: ProviderError) -> bool:
    """Whether the message surely did not arrive: it was turned away at once, or nobody opened the door."""
    return isinstance(error, ProviderRateLimitError) or isinstance(
        error.__cause__, httpx.ConnectError | httpx.ConnectTimeout
    )


async def to_each(
    recipients: Sequence[str], send: Callable[[str], Awaitable[None]], *, concurrency: int
) -> dict[str, str]:
    """Send to every recipient once, whatever becomes of the others; see ``NotificationProvider.send_batch``."""
    places = asyncio.Semaphore(concurrency)

    async def one(recipient: str) -> str:
        async with places:
            try:
                await send(recipient)
            except KnowledgeFoundryError as error:
                return str(error)
            return SENT

    async with asyncio.TaskGroup() as group:
        tasks = {recipient: group.create_task(one(recipient)) for recipient in dict.fromkeys(recipients)}
    return {recipient: task.result() for recipient, task in tasks.items()}


def tls_context(ca_file: str) -> ssl.SSLContext:
    """A context that checks certificates and names. Reads files: call it in a thread.

    Raises:
        ConfigurationError: ``ca_file`` cannot be read.
    """
    if not ca_file:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"ca_file: {ca_file} is no readable file of PEM certificates.") from error


def distrusted(error: BaseException | None) -> bool:
    """Whether a certificate that was not accepted lies at the bottom of a failure."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


class LastWord:
    """What the last delivery said about a service that cannot be asked without sending something."""

    def __init__(self) -> None:
        self._failure = ""

    async def of(self, delivery: Awaitable[None], tells: Callable[[ProviderError], bool] = lambda _: True) -> None:
        """Await the delivery and remember how it went.

        Args:
            tells: Whether a failure says something about the service; wrong input never does.
        """
        try:
            await delivery
        except ProviderError as error:
            if tells(error):
                self._failure = str(error)
            raise
        self._failure = ""

    def health(self) -> Health:
        """Well until a delivery fails, and again once one succeeds."""
        if self._failure:
            return Health(PluginStatus.DEGRADED, f"The last message did not arrive. {self._failure}")
        return Health(PluginStatus.HEALTHY)
