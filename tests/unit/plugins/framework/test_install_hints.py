"""Is one told how to get what a plugin needs?"""

from __future__ import annotations

import pytest

from plugins.framework.install_hints import how_to_install


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("chromadb", "pip install 'knowledge-foundry[chroma]'"),
        ("sentence_transformers", "pip install 'knowledge-foundry[torch]'"),
        ("signxml.algorithms", "pip install 'knowledge-foundry[saml]'"),
        ("a_library_nobody_has", "pip install a-library-nobody-has"),
        ("hypothesis", "pip install hypothesis"),
    ],
)
def test_the_command_names_our_extra_where_one_brings_the_package(module: str, command: str) -> None:
    assert how_to_install(module) == command
