"""Can a caller rely on the tree of errors?"""

from __future__ import annotations

import pytest

from core import errors
from core.errors import DocumentError, KnowledgeFoundryError, ProviderRateLimitError, RateLimitError


def tree(root: type[KnowledgeFoundryError]) -> list[type[KnowledgeFoundryError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in tree(child))]


OURS = [kind for kind in tree(KnowledgeFoundryError) if kind.__module__ == errors.__name__]


def test_the_picture_of_the_tree_names_every_error() -> None:
    assert errors.__doc__ is not None
    drawn = {word for word in errors.__doc__.split() if word.endswith("Error")}
    assert drawn == {kind.__name__ for kind in OURS}


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in OURS]
    assert len(set(codes)) == len(codes)


def test_only_what_may_pass_by_itself_is_worth_another_try() -> None:
    assert {kind.code for kind in OURS if kind.retryable} == {
        "provider_unavailable", "provider_rate_limited", "database_error", "rate_limited",
    }  # fmt: skip


@pytest.mark.parametrize(("next_step", "shown"), [("Try later.", "It is down. Try later."), ("", "It is down.")])
def test_an_error_says_what_happened_and_what_to_do(next_step: str, shown: str) -> None:
    error = KnowledgeFoundryError("It is down.", next_step=next_step)
    assert (str(error), error.message, error.next_step) == (shown, "It is down.", next_step)


def test_errors_carry_what_their_callers_act_on() -> None:
    assert ProviderRateLimitError("Slow.", retry_after_s=3.0).retry_after_s == 3.0
    assert ProviderRateLimitError("Slow.").retry_after_s is None
    assert RateLimitError("Slow.", retry_after_s=9.0).retry_after_s == 9.0
    assert DocumentError("Bad.", failure_code="corrupt", next_step="Save it again.").failure_code == "corrupt"
