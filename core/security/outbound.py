"""Which addresses may we call because somebody named them?

Whoever names a host may mean one that only we can reach. So the name is resolved once, the addresses are judged, and
the caller connects to one of these very addresses: a name that answers differently the next time helps nobody.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
"""A network without IPv4 reaches it through these; the address meant is in the last 32 bits (RFC 6052)."""


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """The addresses of a host, in the order in which they should be tried.

    Raises:
        OSError: There are none, or nobody knows.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet, in whatever it is wrapped: no host or network of our own."""
    return all(_is_global(one) for one in _meanings(ip_address(address.partition("%")[0])))


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast


def _meanings(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """Where a packet may end up: an IPv6 address can carry one of IPv4."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
    else:
        yield address
        if address.sixtofour is not None:
            yield address.sixtofour
