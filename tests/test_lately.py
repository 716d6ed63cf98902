"""How long it counts what an index has said lately."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from hatch_staged import lately
from hatch_staged.stage.recent import Answer

if TYPE_CHECKING:
    from tests.conftest import Clock, Maintainer

NOW = datetime(2026, 11, 22, 7, tzinfo=timezone.utc)
HERE = "http://127.0.0.1:9/stage/x/simple/"
ELSEWHERE = "https://index.test/stage/x/simple/"
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize(("stage", "life"), [(HERE, lately.LIFE_HERE), (ELSEWHERE, lately.LIFE), (None, lately.LIFE)])
def test_an_answer_has_its_life(stage: str | None, life: timedelta, alive: bool) -> None:  # noqa: FBT001 - a table
    answer = Answer(NOW, alive, page="0123")
    assert lately.again(answer, stage, "foo", NOW + life) == (answer, "0123")
    assert lately.again(answer, stage, "foo", NOW + life + MOMENT) == (None, None)
    assert lately.again(answer, stage, "foo", NOW - MOMENT) == (None, None)
    assert lately.again(None, stage, "foo", NOW) == (None, None)


def test_an_index_here_says_the_same_with_the_same_page(maintainer: Maintainer, clock: Clock) -> None:
    [staged] = maintainer.stage("foo-1.0.tar.gz")
    nothing, page = lately.again(None, staged.stage, "foo", clock())
    assert nothing is None
    assert page is not None
    before = Answer(clock(), alive=True, page=page)
    clock.advance(hours=1)
    assert lately.again(before, staged.stage, "foo", clock()) == (before._replace(at=clock()), page)
    for other in (before._replace(page="0123"), before._replace(page=None), before._replace(alive=False)):
        assert lately.again(other, staged.stage, "foo", clock()) == (None, page)
    [replaced] = maintainer.stage("foo-1.0.tar.gz", content=b"other")
    assert replaced.stage == staged.stage
    nothing, other_page = lately.again(before, staged.stage, "foo", clock())
    assert nothing is None
    assert other_page not in {None, page}
