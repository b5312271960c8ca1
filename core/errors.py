"""What can go wrong, and what may a caller rely on when it does?

KnowledgeFoundryError
├── ConfigurationError            settings are wrong; nothing was started
├── ProviderError                 an outside service refused for good
│   ├── ProviderUnavailableError  it is down or silent; trying again may help
│   ├── ProviderRateLimitError    it asks us to slow down
│   └── ProviderNotAllowedError   nobody who could answer may see what is asked
├── DatabaseError                 PostgreSQL could not do it
├── AuthenticationError           we do not know who you are
├── AuthorizationError            we know you, and you may not
│   └── QuotaError                a plan's or organisation's limit is reached
├── RateLimitError                too many requests
└── ValidationError               the input is wrong
    ├── NotFoundError             absent or not readable; the two look alike on purpose
    ├── ConflictError             the state changed under you
    └── DocumentError             a file cannot be read; carries the cause and the next step
"""

from __future__ import annotations

from typing import ClassVar


class KnowledgeFoundryError(Exception):
    """Root of the tree.

    ``message`` is safe to show to the person who asked. ``next_step`` says what to do about it.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class ConfigurationError(KnowledgeFoundryError):
    """Settings are wrong. Names file, key, what was found and what is allowed."""

    code = "configuration_error"


class ProviderError(KnowledgeFoundryError):
    """An outside service refused, and asking again will not help."""

    code = "provider_error"


class ProviderUnavailableError(ProviderError):
    """An outside service is down, too slow or answered 5xx."""

    code = "provider_unavailable"
    retryable = True


class ProviderRateLimitError(ProviderError):
    """An outside service answered 429.

    Attributes:
        retry_after_s: Seconds the service asked for, or None.
    """

    code = "provider_rate_limited"
    retryable = True

    def __init__(self, message: str, *, next_step: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, next_step=next_step)
        self.retry_after_s = retry_after_s


class ProviderNotAllowedError(ProviderError):
    """Providers are there, and none of them may see what is asked; nothing was sent.

    Attributes:
        confidential: The text is confidential; otherwise the organisation allows none of their models.
    """

    code = "provider_not_allowed"

    def __init__(self, message: str, *, next_step: str = "", confidential: bool = False) -> None:
        super().__init__(message, next_step=next_step)
        self.confidential = confidential


class DatabaseError(KnowledgeFoundryError):
    """PostgreSQL could not do what was asked."""

    code = "database_error"
    retryable = True


class AuthenticationError(KnowledgeFoundryError):
    """The caller is unknown, or the credential expired or was revoked."""

    code = "authentication_failed"


class AuthorizationError(KnowledgeFoundryError):
    """The caller is known and may not do this."""

    code = "forbidden"


class QuotaError(AuthorizationError):
    """A limit of the organisation is reached; the message says which and who can raise it."""

    code = "quota_exceeded"


class RateLimitError(KnowledgeFoundryError):
    """Too many requests.

    Attributes:
        retry_after_s: Seconds until the next request may succeed.
    """

    code = "rate_limited"
    retryable = True

    def __init__(self, message: str, *, next_step: str = "", retry_after_s: float = 1.0) -> None:
        super().__init__(message, next_step=next_step)
        self.retry_after_s = retry_after_s


class ValidationError(KnowledgeFoundryError):
    """The input is wrong, and the message says how."""

    code = "invalid_input"


class NotFoundError(ValidationError):
    """Absent or not readable by this principal; the two look alike on purpose."""

    code = "not_found"


class ConflictError(ValidationError):
    """The state changed under the caller, or the thing exists already."""

    code = "conflict"


class DocumentError(ValidationError):
    """A file cannot be turned into text.

    Attributes:
        failure_code: Stable word for the cause, such as ``encrypted`` or ``no_text``; see ``docs/failures.md``.
    """

    code = "document_unreadable"

    def __init__(self, message: str, *, failure_code: str, next_step: str) -> None:
        super().__init__(message, next_step=next_step)
        self.failure_code = failure_code
