"""What does a new plugin start from?

A package that works: an entry point, a manifest, an implementation of the smallest useful kind, and a test that holds
it against the contract.
"""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from string import Template
from typing import get_args

from core.errors import ValidationError
from core.plugin_kinds import SETTINGS_KEYS
from plugins.framework.manifest import Kind
from plugins.interfaces import PROTOCOL_VERSION

_FOLDER = Path(__file__).parent
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_IMPORTS = "# -- imports of the kind above, methods below --\n"


def write(kind: str, name: str, into: Path) -> list[Path]:
    """Write the package ``name`` into a folder of that name; the files, the one to begin with first.

    Raises:
        ValidationError: No such kind, no name for a package, or the folder is there already.
    """
    kinds = get_args(Kind)
    if kind not in kinds:
        raise ValidationError(f"There is no kind {kind!r} of plugin.", next_step=f"Choose one of {', '.join(kinds)}.")
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name) or len(name) > 60 or keyword.iskeyword(module):
        raise ValidationError(
            f"{name!r} is no name for a plugin.", next_step="Use small letters, digits and single hyphens: my-plugin."
        )
    folder = into / name
    if folder.exists():
        raise ValidationError(f"{folder} is there already.", next_step="Choose another name, or --into another folder.")
    imports, _, methods = _read(f"kinds/{kind}.txt").partition(_IMPORTS)
    words = {
        "name": name,
        "module": module,
        "kind": kind,
        "key": SETTINGS_KEYS[kind],
        "thing": "".join(part.capitalize() for part in name.split("-")),
        "protocol": str(PROTOCOL_VERSION),
        "imports": imports.strip(),
        "methods": "",
        "section": f"    - name: {name}\n      plugin: {name}",
    }
    words["methods"] = Template(methods.rstrip()).substitute(words)
    files = {
        f"{module}/__init__.py": "implementation.txt",
        f"{module}/plugin.yaml": "manifest.txt",
        "pyproject.toml": "pyproject.txt",
        "tests/test_contract.py": "test.txt",
        "README.md": "readme.txt",
    }
    written = []
    for path, template in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(_read(template)).substitute(words), encoding="utf-8")
        written.append(target)
    return written


def _read(path: str) -> str:
    return (_FOLDER / path).read_text(encoding="utf-8")
