"""URLs as they may be shown: without user names, passwords and tokens."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

# Session tokens are capabilities that sit in the path (PEP 694, "Publishing Session Token").  They cannot be told
# from the rest by their place, which is the index's choice, so by their shape: 128 bits or more as one word.
_TOKEN_LIKE = re.compile(r"[A-Za-z0-9_~-]{22,}")


def redact(url: str) -> str:
    """Return `url` without its user information, query and fragment, and with token-like path segments masked."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    path = "/".join("***" if _TOKEN_LIKE.fullmatch(segment) else segment for segment in parts.path.split("/"))
    return urlunsplit((parts.scheme, host, path, "", ""))
