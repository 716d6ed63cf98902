"""Our index with single faults: the suite has to catch every one of them."""

from __future__ import annotations

from tests.conformance.faults.answers import ANSWERS
from tests.conformance.faults.sessions import SESSIONS

MUTANTS = (*ANSWERS, *SESSIONS)
