"""Whether a host is on a private network, which nobody outside should be able to make us ask."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    #: Returns the IP addresses of a host (a name, or one of them); none, where nobody knows it.
    Resolve = Callable[[str], Collection[str]]


def resolve(host: str) -> frozenset[str]:
    """Ask the system."""
    try:
        # the part after a percent sign names a network interface
        return frozenset(str(found[4][0]).partition("%")[0] for found in socket.getaddrinfo(host, None))
    except (OSError, UnicodeError):
        return frozenset()


def is_private(host: str, resolve: Resolve) -> bool:
    """Whether one of the addresses of `host` is not a public one: of this machine, a company's, a cloud's own."""
    return any(not ip_address(address).is_global for address in resolve(host))
