"""Where do the plugins send text?"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from plugins.framework.installed import manifest_of
from plugins.framework.manifest import Entries, Entry

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


def is_local(entry: Entry) -> bool:
    """Whether the manifest says that nothing leaves this machine, and no option names another one."""
    manifest = manifest_of(entry.plugin)
    address = _address(entry)
    return manifest is not None and manifest.local and (not address or _is_here(_host_of(address)))


def _hosts(entry: Entry) -> Sequence[str]:
    manifest = manifest_of(entry.plugin)
    if address := _address(entry):
        # It counts for local ones too: a server like Ollama may run on another machine.
        host = _host_of(address)
        return () if _is_here(host) else (host,)
    if manifest is not None and manifest.local:
        return ()
    return (manifest.hosts if manifest is not None else ()) or ("an address unknown to us",)


def _address(entry: Entry) -> str:
    return next((str(entry.config[key]) for key in _ADDRESS_OPTIONS if entry.config.get(key)), "")


def _host_of(address: str) -> str:
    return urlsplit(address if "://" in address else f"//{address}").hostname or address


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
