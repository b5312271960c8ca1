"""How do people sign in with e-mail and password?"""

from plugins.auth.jwt.provider import JwtAuth

__all__ = ["JwtAuth"]
