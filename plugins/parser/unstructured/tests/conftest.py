"""The libraries warn while they are imported; what our code does afterwards must not."""

from __future__ import annotations

import warnings

import pytest


@pytest.fixture(scope="session", autouse=True)
def imported() -> None:
    """Before the first test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import spacy  # noqa: F401
        import unstructured.partition.docx
        import unstructured.partition.email
        import unstructured.partition.html  # noqa: F401
