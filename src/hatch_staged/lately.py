"""How long it counts what an index has said lately of a stage, and how it is seen that nothing has changed there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hatch_staged.repositories import is_loopback

if TYPE_CHECKING:
    from datetime import datetime

    from hatch_staged.stage.recent import Answer

#: How long the answer of an index counts.  To ask one that is far away takes as long as some runs of tests, but once in
#: this time is little.  Whoever cancels a stage that somebody elsewhere tests after this may wonder; before, hardly.
LIFE = timedelta(seconds=10)
#: That of one on this machine, which is asked in a moment: runs may be too close to each other to say which was first.
LIFE_HERE = timedelta(seconds=2)


def again(before: Answer | None, stage: str | None, project: str, now: datetime) -> tuple[Answer | None, str | None]:
    """Return what the index of the stage (its URL) says of `project`, as far as it is what it said `before`.

    That is None where it has to be asked.  Then the other value is the fingerprint of the page that it shows, as of
    before it is asked, None if that is not known.
    """
    here = stage is not None and is_loopback(stage)
    if before is not None and before.counts(now, LIFE_HERE if here else LIFE):
        return before, before.page
    if stage is None or not here:
        return None, None
    from hatch_staged.client import pages  # noqa: PLC0415 - a run that follows another closely asks nobody

    page = pages.fingerprint(pages.address(stage, project))
    if before is not None and before.alive and page is not None and page == before.page:
        return before._replace(at=now), page
    return None, page
