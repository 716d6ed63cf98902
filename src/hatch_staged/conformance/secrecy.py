"""Whether strings look as if nobody could guess them.

Randomness cannot be proved from outside; what is visible is how many characters differ from one to the next, and
whether a string is made of what everybody knows.
"""

from __future__ import annotations

import hashlib
import math
import string
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Two thirds of what a random UUID has.  The PEP names no number, so only what nobody would defend is a fault.
LEAST_BITS = 80

# From the smallest that all characters are of.
_ALPHABETS = (
    string.digits,
    string.hexdigits[:16],
    string.ascii_lowercase + string.digits,
    string.ascii_letters + string.digits,
)
_DIGESTS = ("md5", "sha1", "sha256", "sha512", "blake2b")


def bits(secrets: Sequence[str]) -> float:
    """Return the bits in which one secret may differ from another, going by those that do."""
    length = min(len(secret) for secret in secrets)
    # A separator, a prefix or the leading digits of a counter are the same in all of them.
    varying = [column for column in zip(*(secret[:length] for secret in secrets), strict=True) if len(set(column)) > 1]
    seen = {character for column in varying for character in column}
    size = next((len(alphabet) for alphabet in _ALPHABETS if seen <= set(alphabet)), 64)
    return len(varying) * math.log2(size)


def derived(secret: str, project: str, version: str) -> str | None:
    """Return what of a release a secret contains, as it is or as a plain digest; None if nothing."""
    lowered = secret.lower()
    if project.lower() in lowered:
        return "name"
    for text in (project, *(f"{project}{separator}{version}" for separator in ("", "-", "=", "==", "/", ":", " "))):
        for name in _DIGESTS:
            # The beginning of it, as it might be shortened.
            if hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()[:16] in lowered:
                return f"{name} of {text}"
    return None


def near(secret: str) -> tuple[str, ...]:
    """Return a secret with another first, middle, and last character: those who look at a part of it are fooled."""
    return tuple(_altered(secret, position) for position in (0, len(secret) // 2, len(secret) - 1))


def _altered(secret: str, position: int) -> str:
    # Not only another case of the same letter, which is the same in the name of a host.
    other = "a" if secret[position].casefold() != "a" else "b"
    return f"{secret[:position]}{other}{secret[position + 1 :]}"
