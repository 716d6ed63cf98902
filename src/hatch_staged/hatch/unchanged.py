"""Whether an environment may be used as it is: a run in which nothing has changed finds that out with next to nothing.

It is no less strict for that.  The stage file is, byte for byte, one that has been found valid; its index has said
lately that the stage is there, or shows the page with which it said so; nothing has expired; what is installed is what
was installed, and the bytes that it came from have not been touched.  If any of this is in doubt, all is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_staged import lately
from hatch_staged.stage.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from hatch_staged.hatch.marker import Marker
    from hatch_staged.stage.outline import KeptOutlines, Outline


def is_unchanged(
    releases: Sequence[Outline], kept: KeptOutlines, *, marker: Marker, cache: Path, now: datetime
) -> bool:
    """Whether the stages of `releases`, outlines that were `kept`, are there, and their bytes in `cache` as they were.

    That they are what is installed is the caller's to know, by the `marker`.
    """
    if any(each.expires_at is not None and each.expires_at <= now for each in releases):
        return False
    if not marker.is_untouched(releases, cache):
        return False
    recent, stages = Recent(cache), kept.stages()
    answers = {}
    for each in releases:
        answer, _ = lately.again(recent.get(each.key), stages.get(each.project), each.project, now)
        if answer is None or not answer.alive:
            return False
        answers[each.key] = answer
    recent.keep(answers)
    return True
