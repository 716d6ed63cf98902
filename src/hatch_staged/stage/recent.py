"""What has become of stages, as their indexes have said lately: for runs that follow each other closely."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hatch_staged.stage.model import StagedRelease


class Answer(NamedTuple):
    """What an index said `at` that time.

    `alive` is whether the stage is there; `urls` are those of the published files, by their names.  An index that said
    nothing said neither.  `page` is the fingerprint of the page that it said it with; None
    where that is not known.
    """

    at: datetime
    alive: bool
    urls: dict[str, str] | None = None
    page: str | None = None

    def counts(self, now: datetime, life: timedelta) -> bool:
        """Whether it is not older than `life`."""
        # a clock that was put back makes it look as if it were from the future
        return timedelta() <= now - self.at <= life


class Recent:
    """The file in `folder` with the last answers, those of an index that gave none among them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "recent.json"

    def get(self, key: str) -> Answer | None:
        """Return what was said last of the release that `key_of` gave this key, None if nothing is known."""
        return self._read().get(key)

    def keep(self, answers: Mapping[str, Answer]) -> None:
        """Write down `answers`, in place of what there was; where that is impossible, the indexes are asked again."""
        if answers == self._read():
            return
        entries = {key: {**answer._asdict(), "at": answer.at.isoformat()} for key, answer in answers.items()}
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # whoever reads half of it asks
            self.path.write_text(json.dumps(entries), encoding="utf-8")

    def _read(self) -> dict[str, Answer]:
        try:
            entries: dict[str, Any] = dict(json.loads(self.path.read_text(encoding="utf-8")))
            return {key: _parsed(**entry) for key, entry in entries.items()}
        except (OSError, TypeError, ValueError):
            return {}

    def forget(self) -> None:
        """Have the indexes asked again: somebody has just changed something there."""
        with suppress(OSError):
            self.path.unlink()


def _parsed(*, at: str, **rest: Any) -> Answer:
    return Answer(datetime.fromisoformat(at), **rest)


def key_of(release: StagedRelease) -> str:
    """Return what names the entry of the stage file, without a secret."""
    parts = (release.index, release.stage, release.session, release.digest, release.status.value, release.expires_at)
    return sha256(repr(parts).encode()).hexdigest()
