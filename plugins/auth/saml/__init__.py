"""How do people sign in through a SAML identity provider?"""

from plugins.auth.saml.provider import SamlLogin

__all__ = ["SamlLogin"]
