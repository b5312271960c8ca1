"""Where do the plugins send text?"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from plugins.installed import manifest_of
from plugins.manifest import Entries, Entry

_SEES_TEXT = ("llm", "embedding", "reranker")
_ADDRESS_OPTIONS = ("base_url", "url", "endpoint", "host")


def models_leaving(entries: Entries) -> list[tuple[str, str]]:
    """Where texts of questions and passages go: (name of the entry, host), only enabled entries, only other machines.

    The address in the options counts; without one, what the manifest says. An entry about which nothing is known is
    listed too: silence must not pass for "stays here".
    """
    leaving = []
    for kind in _SEES_TEXT:
        for entry in entries.get(kind, ()):
            if entry.enabled:
                leaving += [(entry.name, host) for host in _hosts(entry)]
    return leaving


def _hosts(entry: Entry) -> Sequence[str]:
    manifest = manifest_of(entry.plugin)
    address = next((str(entry.config[key]) for key in _ADDRESS_OPTIONS if entry.config.get(key)), "")
    if address:
        # It counts for local ones too: a server like Ollama may run on another machine.
        host = urlsplit(address if "://" in address else f"//{address}").hostname or address
        return () if _is_here(host) else (host,)
    if manifest is not None and manifest.local:
        return ()
    return (manifest.hosts if manifest is not None else ()) or ("an address unknown to us",)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
