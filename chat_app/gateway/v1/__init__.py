"""Which routes does version 1 of the API have?"""

from chat_app.gateway.v1 import (
    admin,
    auth,
    chat,
    collections,
    deletions,
    documents,
    federation,
    feedback,
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
    deletions.router,
    admin.router,
    collections.router,
    chat.router,
    feedback.router,
    search.router,
    settings.router,
    users.router,
)

__all__ = ["ROUTERS"]
