"""A provider, and a sign-in at it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from plugins.auth.saml import SamlLogin
from plugins.auth.saml.tests.signing_in import ME, login_at
from tests.servers.saml_idp import (
    SamlIdp,
)


@pytest.fixture
async def idp() -> AsyncIterator[SamlIdp]:
    async with SamlIdp(signer=ME).running() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
async def login(idp: SamlIdp, http: httpx.AsyncClient, redis_client: Redis) -> SamlLogin:
    return await login_at(idp, http, redis_client)
