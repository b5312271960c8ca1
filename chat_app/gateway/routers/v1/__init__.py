"""Which routes does version 1 of the API have?"""

from chat_app.gateway.routers.v1 import auth, chat, documents, search, users

ROUTERS = (auth.router, auth.closed, documents.router, chat.router, search.router, users.router)

__all__ = ["ROUTERS"]
