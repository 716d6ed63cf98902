"""PEP 694, "Optional Index-specific Metadata"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.conversation import Conversation

# How an index identifies itself is up to it; the example is "_pypi.org".
_INDEX_KEY = re.compile(r"_\S+")


@covers("SESSION-META-02", "The metadata key MUST begin with an underscore")
def test_metadata_of_the_index_is_under_keys_of_its_own(conversation: Conversation) -> None:
    metas = [body["meta"] for body in conversation.bodies if isinstance(body.get("meta"), dict)]
    assert metas, "no answer has meta"
    keys = {key for meta in metas for key in meta} - {"api-version"}
    others = sorted(key for key in keys if not _INDEX_KEY.fullmatch(key))
    assert not others, f"meta has these keys, that are nobody's: {others}"
