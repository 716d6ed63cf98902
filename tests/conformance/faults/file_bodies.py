"""Faults of what is said of file upload sessions."""

from __future__ import annotations

from tests.conformance.faults.changes import header, key, status, success, without, worded
from tests.conformance.faults.means import CREATE_FILE, FILE_BODIES, FILE_STATUS
from tests.conformance.faults.mutant import mutant
from tests.conformance.faults.times import earlier_each_time, with_fractions, with_offset


def _extendable(links: dict[str, str]) -> dict[str, str]:
    return {**links, "extend": f"{links['file-upload-session']}extend/"}


FILE_ANSWERS = (
    mutant("a file cannot be looked at", success(FILE_STATUS, status(404)), "FILE-STATUS-01", "FILE-COMPLETE-06"),
    mutant(
        "there is a link to extend a file that is not extended",
        success(FILE_BODIES, key("links", to=_extendable)),
        "FILE-LINKS-05",
    ),
    # File upload sessions: Response Body
    mutant("a file has no meta", success(FILE_BODIES, without("meta")), "FILE-RESPONSE-03"),
    mutant("a file has no links", success(FILE_BODIES, without("links")), "FILE-RESPONSE-01", "FILE-RESPONSE-04"),
    mutant(
        "a pending file is uploading",
        success(FILE_BODIES, key("status", to=worded("pending", "uploading"))),
        "FILE-RESPONSE-05",
        "FILE-STATE-01",
    ),
    mutant(
        "expires-at of a file has fractions",
        success(FILE_BODIES, key("expires-at", to=with_fractions)),
        "FILE-RESPONSE-08",
    ),
    mutant(
        "expires-at of a file has an offset",
        success(FILE_BODIES, key("expires-at", to=with_offset)),
        "FILE-RESPONSE-07",
    ),
    mutant("a file has no expires-at", success(FILE_BODIES, without("expires-at")), "FILE-RESPONSE-06"),
    mutant(
        "expires-at of a file moves back",
        success(FILE_BODIES, key("expires-at", to=earlier_each_time())),
        "FILE-RESPONSE-11",
    ),
    mutant("a file has no mechanism", success(FILE_BODIES, without("mechanism")), "FILE-RESPONSE-12"),
    mutant(
        "the mechanism has no identifier",
        success(FILE_BODIES, without("mechanism", "identifier")),
        "FILE-RESPONSE-13",
    ),
    mutant(
        "the mechanism is another than that asked for",
        success(FILE_BODIES, key("mechanism", "identifier", to="vnd-us-fast")),
        "FILE-RESPONSE-13",
    ),
    mutant(
        "there is no link to complete",
        success(FILE_BODIES, without("links", "complete")),
        "FILE-LINKS-01",
        "FILE-LINKS-03",
    ),
    mutant(
        "the link of a file upload session leads nowhere",
        success(FILE_BODIES, key("links", "file-upload-session", to=lambda told: f"{told}nowhere/")),
        "FILE-LINKS-02",
    ),
    mutant(
        "the status of a file leaves out its mechanism",
        success(FILE_STATUS, without("mechanism")),
        "FILE-STATUS-02",
    ),
    mutant(
        "a file session is created without Retry-After",
        success(CREATE_FILE, header("retry-after", None)),
        "FILE-RESPONSE-02",
    ),
)
