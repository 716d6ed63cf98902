"""Our index with single faults: the suite has to catch every one of them."""

from __future__ import annotations

from tests.conformance.faults.answers import ANSWERS
from tests.conformance.faults.atomicity import ATOMICITY
from tests.conformance.faults.authorization import AUTHORIZATION
from tests.conformance.faults.ends import ENDS
from tests.conformance.faults.file_bodies import FILE_ANSWERS
from tests.conformance.faults.files import FILES
from tests.conformance.faults.options import OPTIONS
from tests.conformance.faults.publication import PUBLICATION
from tests.conformance.faults.session_bodies import SESSION_ANSWERS
from tests.conformance.faults.sessions import SESSIONS

MUTANTS = (
    *ANSWERS,
    *AUTHORIZATION,
    *SESSIONS,
    *SESSION_ANSWERS,
    *FILES,
    *FILE_ANSWERS,
    *PUBLICATION,
    *ATOMICITY,
    *ENDS,
    *OPTIONS,
)
