"""Problem details as RFC 9457 defines them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatch_staged.conformance.wire import Answer

MEDIA_TYPE = "application/problem+json"
#: What explains a problem: RFC 9457 says ``detail``, the PEP in one place ``details``.
EXPLANATIONS = ("detail", "details")

_MEMBERS = ("type", "status", "title", "instance", *EXPLANATIONS)


def problem(answer: Answer) -> dict[str, Any]:
    """Return the "Problem Details JSON Object" of a refusal; fails if it has none."""
    body = answer.json()
    assert any(member in body for member in _MEMBERS), f"the body is no problem details: {answer}"
    return body
