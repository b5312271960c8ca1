"""How does one get a package that a plugin needs?"""

from __future__ import annotations

import re
from importlib import metadata

_OURS = "knowledge-foundry"
_REQUIREMENT = re.compile(r"^(?P<name>[\w.-]+).*;\s*extra\s*==\s*['\"](?P<extra>[\w-]+)['\"]")
_DEVELOPMENT = "dev"


def how_to_install(module: str) -> str:
    """The command that brings a module: the extra of ours that has it, else the package of that name."""
    package = module.partition(".")[0].replace("_", "-").lower()
    for requirement in metadata.requires(_OURS) or ():
        match = _REQUIREMENT.match(requirement)
        if match and match["extra"] != _DEVELOPMENT and match["name"].replace("_", "-").lower() == package:
            return f"pip install '{_OURS}[{match['extra']}]'"
    return f"pip install {package}"
