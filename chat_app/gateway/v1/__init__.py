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
    models,
    passages,
    search,
    settings,
    tasks,
    uploads,
    users,
    versions,
)

ROUTERS = (
    auth.router,
    auth.closed,
    federation.router,
    documents.router,
    tasks.router,
    passages.router,
    uploads.router,
    versions.router,
    deletions.router,
    admin.router,
    collections.router,
    models.router,
    chat.router,
    feedback.router,
    search.router,
    settings.router,
    users.router,
)

__all__ = ["ROUTERS"]
