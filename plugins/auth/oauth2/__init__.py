"""How do people sign in through an OpenID Connect issuer?"""

from plugins.auth.oauth2.provider import OAuth2Provider

__all__ = ["OAuth2Provider"]
