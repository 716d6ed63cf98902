"""Pages of a simple repository: where one is, and whether it is as it was before.

To import what reads pages takes longer than many a run of tests has time for, so `fingerprint` does without it.
"""

from __future__ import annotations

import socket
import time
from hashlib import sha256
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from hatch_staged.protocol.media_types import SIMPLE

#: An index on this machine answers in a few milliseconds; one that needs longer (seconds) is asked by a whole client.
PATIENCE = 1.0
#: Bytes: a release of ten thousand files.
LARGEST = 4 * 1024 * 1024
_PIECE = 64 * 1024


def address(simple: str, project: str) -> str:
    """Return the URL of the page of `project` in the simple repository at `simple`."""
    return f"{simple.rstrip('/')}/{canonicalize_name(project)}/"


def fingerprint(url: str) -> str | None:
    """Return the SHA-256 of the page at `url`, which is on this machine; None where it cannot be had just so.

    Nothing of the page is trusted: who has seen this fingerprint before knows what the page means.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        return None
    # of HTTP/1.0 (RFC 1945): the server closes when it has sent all of the page, as it is
    request = f"GET {parts.path} HTTP/1.0\r\nHost: {parts.netloc}\r\nAccept: {SIMPLE}\r\n\r\n"
    end = time.monotonic() + PATIENCE
    answer = bytearray()
    try:
        with socket.create_connection((parts.hostname, parts.port or 80), timeout=PATIENCE) as connection:
            connection.sendall(request.encode("ascii"))
            while piece := connection.recv(_PIECE):
                answer += piece
                if len(answer) > LARGEST or time.monotonic() > end:
                    return None
    except (OSError, UnicodeEncodeError):
        return None
    head, _, page = bytes(answer).partition(b"\r\n\r\n")
    return sha256(page).hexdigest() if head.split(maxsplit=2)[1:2] == [b"200"] else None
