"""Are the words given to models where they are looked for?"""

from __future__ import annotations

from pathlib import Path

import pytest

from graph import prompts

FILES = sorted(path.stem for path in Path(prompts.__file__).parent.glob("*.md"))


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_a_prompt_with_its_name_as_id_and_a_version(name: str) -> None:
    prompt = prompts.load(name)
    assert prompt.id == name
    assert prompt.version.isdigit()
    assert prompt.text
    assert "---" not in prompt.text.splitlines()[0]


def test_the_answer_prompt_fences_the_passages_and_names_the_word_for_no_answer() -> None:
    text = prompts.load("answer").text
    assert text.count("{marker}") == 2
    assert "NO_ANSWER" in text


def test_a_prompt_outside_the_folder_is_not_read() -> None:
    with pytest.raises(FileNotFoundError):
        prompts.load("../../README")
