"""Which LangChain class does a reference in the options mean, and how is it built?"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, ValidationError

from core.errors import ConfigurationError

if TYPE_CHECKING:
    import httpx2

LANGCHAIN_MODULES = (
    *("langchain_community", "langchain_openai", "langchain_anthropic", "langchain_ollama", "langchain_mistralai"),
    *("langchain_google_genai", "langchain_google_vertexai", "langchain_aws", "langchain_azure_ai", "langchain_groq"),
    *(
        "langchain_cohere",
        "langchain_huggingface",
        "langchain_fireworks",
        "langchain_together",
        "langchain_nvidia_ai_endpoints",
    ),
    *("langchain_deepseek", "langchain_xai", "langchain_perplexity", "langchain_ibm", "langchain_litellm"),
)
"""LangChain's own packages and those of its partners."""
CLIENT_FIELD = "http_async_client"
_Class = TypeVar("_Class")


class LangChainOptions(BaseModel):
    """What names and builds a LangChain class.

    Attributes:
        reference: ``module:Class``, such as ``langchain_openai:ChatOpenAI``.
        modules: Packages from which a class may be taken. Importing runs code: whoever may change this list may run
            any code that is installed.
        kwargs: Arguments of the class.
        secret_kwargs: Further arguments, whose values are never shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: str = Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")
    modules: tuple[str, ...] = LANGCHAIN_MODULES
    kwargs: Mapping[str, JsonValue] = Field(default_factory=dict)
    secret_kwargs: Mapping[str, SecretStr] = Field(default_factory=dict)


def load(options: LangChainOptions, base: type[_Class]) -> type[_Class]:
    """The class that the options name.

    Args:
        base: What it must be a kind of.

    Raises:
        ConfigurationError: Its module is not allowed or not installed, or it is something else.
    """
    module_name, _, name = options.reference.partition(":")
    if not any(module_name == allowed or module_name.startswith(f"{allowed}.") for allowed in options.modules):
        raise ConfigurationError(
            f"reference: found {options.reference!r}; allowed: classes of {', '.join(options.modules)}.",
            next_step="Only a module named in `modules` is imported.",
        )
    try:
        found = getattr(importlib.import_module(module_name), name)
    except ModuleNotFoundError as error:
        package = (error.name or module_name).partition(".")[0].replace("_", "-")
        raise ConfigurationError(
            f"reference: {options.reference} needs the package {package}, which is not installed.",
            next_step=f"Install it: pip install {package}",
        ) from error
    except AttributeError as error:
        raise ConfigurationError(f"reference: {module_name} has no class {name}.") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigurationError(f"reference: {options.reference} is not a kind of LangChain's {base.__name__}.")
    return found


def fields_of(implementation: type[Any]) -> Mapping[str, str]:
    """The fields of a class and the argument that sets each; none of a class that is no pydantic model."""
    fields = implementation.model_fields if issubclass(implementation, BaseModel) else {}
    return {name: field.alias or name for name, field in fields.items()}


def own_client(implementation: type[Any], timeout_s: float) -> httpx2.AsyncClient | None:
    """An HTTP client for a class that is built on OpenAI's and takes one; whoever asked closes it.

    Its own is shared by the whole process and never closed, and follows redirects: those would carry passages to a
    host that nobody agreed to.
    """
    if CLIENT_FIELD not in fields_of(implementation):
        return None
    from openai import DefaultAsyncHttpxClient

    return DefaultAsyncHttpxClient(follow_redirects=False, timeout=timeout_s)


def build(implementation: type[_Class], options: LangChainOptions, preset: Mapping[str, Any]) -> _Class:
    """An object of the class.

    Args:
        preset: Arguments that hold where the class has such a field and the options do not say otherwise.

    Raises:
        ConfigurationError: The class does not take the arguments; their values are not repeated.
    """
    secret = {name: value.get_secret_value() for name, value in options.secret_kwargs.items()}
    given = {**options.kwargs, **secret}
    known = fields_of(implementation)
    wanted = {
        known[name]: value for name, value in preset.items() if name in known and not {name, known[name]} & given.keys()
    }
    try:
        return implementation(**wanted, **given)
    except ImportError as error:
        raise ConfigurationError(f"reference: {options.reference} needs more than is installed: {error}") from error
    except ValidationError as error:
        names = ", ".join(sorted({str(item["loc"][0]) for item in error.errors() if item["loc"]}))
        raise _unfit(options, names or "together") from error
    except Exception as error:  # whatever a constructor of somebody else's raises, its arguments were wrong
        raise _unfit(options, type(error).__name__) from error


def _unfit(options: LangChainOptions, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"kwargs: {options.reference} does not take its arguments ({what}).",
        next_step="See the class's own documentation.",
    )
