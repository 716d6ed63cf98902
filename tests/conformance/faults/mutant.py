"""What a mutant is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.conformance.configurations import AS_IT_IS, Configuration

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.faults.means import Faults


@dataclass(frozen=True)
class Mutant:
    """Our index with one fault."""

    #: what is wrong
    name: str
    #: puts it in
    apply: Callable[[Faults], None]
    #: the requirements that it breaks: each of them must be found to fail
    breaks: tuple[str, ...]
    #: where it shows
    where: Configuration = AS_IT_IS


def mutant(name: str, apply: Callable[[Faults], None], *breaks: str, where: Configuration = AS_IT_IS) -> Mutant:
    """Return a mutant."""
    return Mutant(name, apply, breaks, where)
