"""What does an image hold, who runs in it, and what does it start? Read from a Dockerfile as its builder reads it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_CONTINUED = re.compile(r"\\[ \t]*\n")


@dataclass(slots=True)
class Stage:
    """One stage with all that it has from the stage it is made from.

    Attributes:
        user: Who runs what comes next; None is the user of the base image, which is root.
        ran: Each command with the user it ran as.
        copied: Paths of the build context to where they lie in the image, those of other stages included.
        command: What a container starts.
    """

    base: str
    user: str | None = None
    folder: PurePosixPath = field(default_factory=lambda: PurePosixPath("/"))
    environment: dict[str, str] = field(default_factory=dict)
    ran: list[tuple[str | None, str]] = field(default_factory=list)
    copied: dict[str, PurePosixPath] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()

    def made_from(self) -> Stage:
        """A stage that begins as this one ends."""
        return Stage(
            self.base, self.user, self.folder, dict(self.environment), list(self.ran), dict(self.copied), self.command,
            self.volumes,
        )  # fmt: skip


def stages(text: str) -> dict[str, Stage]:
    """By name, in the order of the file.

    Raises:
        ValueError: There is an instruction that this reader does not know.
    """
    found: dict[str, Stage] = {}
    arguments: dict[str, str] = {}
    stage: Stage | None = None
    for instruction, rest in _instructions(text):
        if instruction == "ARG":
            name, _, value = rest.partition("=")
            arguments[name] = value.strip('"')
        elif instruction == "FROM":
            base, name = re.fullmatch(r"(\S+)(?: AS (\S+))?", _filled(rest, arguments)).groups()  # type: ignore[union-attr]
            stage = found[base].made_from() if base in found else Stage(base)
            found[name or str(len(found))] = stage
        else:
            assert stage is not None, f"{instruction} before any FROM"
            _obey(stage, instruction, rest, found)
    return found


def _obey(stage: Stage, instruction: str, rest: str, known: dict[str, Stage]) -> None:
    match instruction:
        case "USER":
            stage.user = rest
        case "WORKDIR":
            stage.folder /= rest
        case "ENV":
            stage.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        case "RUN":
            stage.ran.append((stage.user, rest))
        case "COPY":
            _copy(stage, rest.split(), known)
        case "CMD":
            stage.command = tuple(json.loads(rest))
        case "VOLUME":
            stage.volumes += (rest,)
        case "EXPOSE" | "STOPSIGNAL" | "HEALTHCHECK":
            pass
        case _:
            raise ValueError(f"an instruction nobody told this reader about: {instruction}")


def _copy(stage: Stage, words: list[str], known: dict[str, Stage]) -> None:
    options = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
    *sources, target = [word for word in words if not word.startswith("--")]
    place = stage.folder / target
    for source in sources:
        if "from" not in options:
            stage.copied[source] = place / source if target.endswith("/") or len(sources) > 1 else place
            continue
        for path, lies_at in known[options["from"]].copied.items():
            if lies_at.is_relative_to(source):
                stage.copied[path] = place / lies_at.relative_to(source)


def in_context(path: str, ignore: str) -> bool:
    """Whether a file is sent to the builder, by the lines of a ``.dockerignore``: the last that fits decides."""
    parts = PurePosixPath(path).parts
    places = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    sent = True
    for line in filter(None, map(str.strip, ignore.splitlines())):
        pattern = _pattern(line.removeprefix("!"))
        if any(pattern.fullmatch(place) for place in places):
            sent = line.startswith("!")
    return sent


def _pattern(line: str) -> re.Pattern[str]:
    escaped = re.escape(line).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    return re.compile(escaped)


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in _CONTINUED.sub(" ", lines).splitlines():
        if line.strip():
            instruction, _, rest = line.strip().partition(" ")
            yield instruction.upper(), " ".join(rest.split())


def _filled(text: str, arguments: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], text)
