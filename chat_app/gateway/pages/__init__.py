"""What do the pages say that stand beside the chat?"""

from __future__ import annotations

from importlib.resources import files


def page_text(name: str) -> str:
    """A page, with the style that all of them share in it."""
    folder = files("chat_app.gateway.pages")
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    return folder.joinpath(name).read_text(encoding="utf-8").replace("{style}", style)
