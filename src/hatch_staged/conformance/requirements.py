"""What the PEP demands, by identifier, and how a check says which of it it covers.

Data: ``requirements.toml`` has the PEP's statements, ``unobservable.toml`` those that nobody can see from outside.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_FOLDER = Path(__file__).parent
_ATTRIBUTE = "covered_requirements"

_Check = TypeVar("_Check", bound="Callable[..., None]")


@dataclass(frozen=True)
class Requirement:
    """A normative statement of the PEP that binds an index."""

    id: str
    #: MUST, MUST NOT, SHOULD or SHOULD NOT
    level: str
    #: the title of the PEP's section
    section: str
    quote: str

    @property
    def fatal(self) -> bool:
        """Whether an index that does otherwise is no Upload 2.0 index."""
        return self.level.startswith("MUST")


@cache
def requirements() -> Mapping[str, Requirement]:
    """Return every requirement by its identifier, in the order of the PEP."""
    listed = tomllib.loads((_FOLDER / "requirements.toml").read_text(encoding="utf-8"))["requirement"]
    return {entry["id"]: Requirement(**entry) for entry in listed}


def chosen(words: Iterable[str]) -> frozenset[str]:
    """Return the identifiers that are among `words` or begin with one of them; upper or lower case is the same.

    Raises `KeyError` with the first word that none begins with.
    """
    found: set[str] = set()
    for word in words:
        identifier = word.upper()
        beginning = {each for each in requirements() if each.startswith(identifier)}
        if not beginning:
            raise KeyError(word)
        found |= {identifier} if identifier in beginning else beginning
    return frozenset(found)


@cache
def unobservable() -> Mapping[str, str]:
    """Return the identifiers that cannot be observed from outside, with the reason."""
    reasons: dict[str, str] = tomllib.loads((_FOLDER / "unobservable.toml").read_text(encoding="utf-8"))
    return reasons


def covers(identifier: str, quote: str) -> Callable[[_Check], _Check]:
    """Return a decorator that says that a check covers a requirement; `quote` is its sentence, for the reader.

    The quote is the whole statement or the part of it that the check is about.  Raises `ValueError` if the PEP does
    not say so.
    """
    if quote not in requirements()[identifier].quote:
        raise ValueError(f"{identifier} does not say: {quote}")

    def mark(check: _Check) -> _Check:
        setattr(check, _ATTRIBUTE, (identifier, *covered_by(check)))
        return check

    return mark


def covered_by(check: object) -> tuple[str, ...]:
    """Return the identifiers that a check covers, in the order in which they stand above it."""
    identifiers: tuple[str, ...] = getattr(check, _ATTRIBUTE, ())
    return identifiers
