"""Which routes does version 1 of the API have?"""

from chat_app.gateway.routers.v1 import (
    auth,
    chat,
    documents,
    federation,
    operation,
    policy,
    removal,
    search,
    settings,
    uploads,
    users,
    versions,
)

ROUTERS = (
    auth.router,
    auth.closed,
    federation.router,
    documents.router,
    uploads.router,
    versions.router,
    removal.router,
    operation.router,
    policy.router,
    chat.router,
    search.router,
    settings.router,
    users.router,
)

__all__ = ["ROUTERS"]
