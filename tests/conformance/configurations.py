"""The ways in which our index is run, so that between them the suite sees all that it can see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.conformance.faults import variants

from hatch_staged.index.configuration import Limits

if TYPE_CHECKING:
    from tests.conformance.faults.means import Apply

# In bytes: few enough to exceed it, and room for some ordinary files of the suite.
_PROJECT_SIZE = 20_000


@dataclass(frozen=True)
class Configuration:
    """How the index is run, and what the suite is told of that."""

    name: str
    limits: Limits
    #: before what was deferred is carried out, so that it is seen in processing, at least (seconds); 0 is at once
    hold: float = 0.0
    #: further options of the suite
    options: tuple[str, ...] = ()
    #: what makes another index of it that is as right
    variant: Apply | None = None


#: The index as it is.
AS_IT_IS = Configuration("as-it-is", Limits())
#: Every completion and every publication of a file is deferred, and some publications fail.
DEFERRED = Configuration(
    "deferred",
    Limits(immediate_size=0, immediate_files=0, project_size=_PROJECT_SIZE),
    hold=0.1,
    options=("--project-quota", str(_PROJECT_SIZE)),
    variant=variants.hasty,
)
#: Sessions live for seconds and are forgotten some seconds after their end.
SHORT_LIVED = Configuration(
    "short-lived",
    Limits(session_lifetime=8, longest_session=60, retention=4, sweep_interval=1),
    options=("--patience", "15"),
)
#: An index that has as little as the PEP allows, and one that has more than ours.
POOR = Configuration("poor", Limits(), variant=variants.poor)
RICH = Configuration("rich", Limits(), variant=variants.rich)

OURS = (AS_IT_IS, DEFERRED, SHORT_LIVED)
CONFIGURATIONS = (*OURS, POOR, RICH)
