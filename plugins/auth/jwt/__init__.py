"""How do people sign in with e-mail and password?"""

from plugins.auth.jwt.provider import JWTAuthProvider

__all__ = ["JWTAuthProvider"]
