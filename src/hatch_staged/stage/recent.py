"""What has become of stages, as their indexes have said lately: for runs that follow each other closely."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hatch_staged.stage.liveness import Alive, Published
from hatch_staged.stage.use import Standing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hatch_staged.stage.model import StagedRelease


@dataclass(frozen=True)
class Answer:
    """What an index said `at` that time: `standing`, None in it if it said nothing.

    `page` is the fingerprint of the page that it said it with; None where that is not known.
    """

    standing: Standing
    at: datetime
    page: str | None = None

    def counts(self, now: datetime, life: timedelta) -> bool:
        """Whether it is not older than `life`."""
        # a clock that was put back makes it look as if it were from the future
        return timedelta() <= now - self.at <= life


@dataclass(frozen=True)
class Recent:
    """The file `path` with the last answers, those of an index that gave none among them."""

    path: Path

    def get(self, release: StagedRelease, now: datetime) -> Answer | None:
        """Return what an index said of `release` at last, None if nothing is known or `release` has expired since."""
        if release.expires_at is not None and release.expires_at <= now:
            return None
        try:
            entry = self._read()[_key(release)]
            page = entry["page"]
            at = datetime.fromisoformat(entry["at"])
            return Answer(Standing(release, _fate(entry)), at, page if page is None else str(page))
        except (KeyError, TypeError, ValueError):
            return None

    def keep(self, answers: Iterable[Answer]) -> None:
        """Write down `answers`, in place of what there was; where that is impossible, the indexes are asked again."""
        entries = {
            _key(answer.standing.release): {
                "at": answer.at.isoformat(),
                "page": answer.page,
                **_entry(answer.standing),
            }
            for answer in answers
        }
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # whoever reads half of it asks
            self.path.write_text(json.dumps(entries), encoding="utf-8")

    def forget(self) -> None:
        """Have the indexes asked again: somebody has just changed something there."""
        with suppress(OSError):
            self.path.unlink()

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            return dict(json.loads(self.path.read_text(encoding="utf-8")))
        except OSError:
            return {}


def _key(release: StagedRelease) -> str:
    """Return what names the entry of the stage file, without a secret."""
    parts = (release.index, release.stage, release.session, release.digest, release.status.value, release.expires_at)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _entry(standing: Standing) -> dict[str, object]:
    if isinstance(standing.fate, Published):
        return {"published": dict(standing.fate.urls)}
    return {"alive": standing.fate is not None}


def _fate(entry: dict[str, Any]) -> Alive | Published | None:
    if "published" in entry:
        return Published(dict(entry["published"]))
    return Alive() if entry["alive"] else None
