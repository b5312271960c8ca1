"""How does Chainlit come into the gateway?

Chainlit reads its settings, translations and public files from one folder, when it is imported. The folder is laid out
anew at each start, inside the data folder: nothing is written where the code lies, and nothing of a last start is kept.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI

from chat_app.ui.sockets import OpenSockets
from core.errors import ConfigurationError
from services.bootstrap import Services
from services.gateway_settings import GatewaySettings

PATH = "/chat"


def mount_chat(app: FastAPI, settings: GatewaySettings, services: Callable[[], Services]) -> OpenSockets:
    """Serve the chat under ``/chat``; returns the register of its open sockets."""
    _lay_out(settings.data_dir / "chat")
    # Only now: importing Chainlit reads the folder.
    from chainlit import data
    from chainlit.config import config
    from chainlit.server import app as chainlit

    from chat_app.ui.conversation import Conversation
    from chat_app.ui.gate import ChainlitGate

    config.ui.name = settings.name
    upload = config.features.spontaneous_file_upload
    if upload is not None:
        upload.max_size_mb = max(1, settings.max_upload_bytes // 1_000_000)
    Conversation(services).register()
    # Chainlit keeps the first data layer for ever; this application's is the one that counts.
    data._data_layer, data._data_layer_initialized = None, False
    sockets = OpenSockets()
    app.mount(PATH, ChainlitGate(chainlit, services, sockets))
    return sockets


def _lay_out(folder: Path) -> None:
    try:
        if folder.exists():
            shutil.rmtree(folder)
        with as_file(files("chat_app.ui").joinpath("root")) as shipped:
            shutil.copytree(shipped, folder)
        folder.chmod(0o700)
        # Shipped without the dot, for packaging tools pass hidden folders by.
        (folder / "settings").rename(folder / ".chainlit")
        _translations(folder / ".chainlit" / "translations")
    except OSError as error:
        raise ConfigurationError(
            f"The chat cannot write to {folder}: {error.strerror}.", next_step="Free space or mend its permissions."
        ) from error
    os.environ["CHAINLIT_APP_ROOT"] = str(folder)
    os.environ["CHAINLIT_ROOT_PATH"] = PATH
    # Signs the token that the door makes for one request; it leaves this process never.
    os.environ["CHAINLIT_AUTH_SECRET"] = secrets.token_urlsafe(48)


def _translations(folder: Path) -> None:
    """Chainlit's sentences with ours laid over them."""
    spec = find_spec("chainlit")
    if spec is None or spec.origin is None:
        raise ConfigurationError("Chainlit is not installed.", next_step="Install the locked packages: make install.")
    for ours in folder.glob("*.json"):
        theirs = json.loads((Path(spec.origin).parent / "translations" / ours.name).read_text(encoding="utf-8"))
        merged = _laid_over(theirs, json.loads(ours.read_text(encoding="utf-8")))
        ours.write_text(json.dumps(merged, ensure_ascii=False), encoding="utf-8")


def _laid_over(below: dict[str, object], above: dict[str, object]) -> dict[str, object]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _laid_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
