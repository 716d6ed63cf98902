"""Waiting for releases: how each ends, what is told meanwhile, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.client.upload_server import UploadServer, problem
from tests.conftest import Maintainer, in_file

from hatch_staged import releases, watching
from hatch_staged.client.waiting import Waiter
from hatch_staged.errors import NotAllowedError, StageGoneError, UnreachableError
from hatch_staged.repositories import Repository

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Clock, MakeDesk

    from hatch_staged.desk import Desk
    from hatch_staged.status import ReleaseStatus


@dataclass
class Meanwhile:
    """What happens in each pause, one thing after the other; afterwards nothing; the clock goes on."""

    clock: Clock
    events: list[Callable[[], object]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def waiter(self) -> Waiter:
        """Waits without any time passing."""
        return Waiter(sleep=self._sleep, now=self.clock, chance=lambda: 1.0)

    def wait(self, desk: Desk, within: timedelta | None = timedelta(days=60)) -> list[ReleaseStatus]:
        """Wait for all releases."""
        return list(watching.wait(desk, within, tell=self.told.append, waiter=self.waiter))

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds=seconds)
        if self.events:
            self.events.pop(0)()


@pytest.fixture
def meanwhile(clock: Clock) -> Meanwhile:
    """Return what happens meanwhile: nothing yet."""
    return Meanwhile(clock)


def elsewhere(who: Maintainer) -> Maintainer:
    """Return a colleague with a copy of the stage file."""
    theirs = who.folder / "theirs.toml"
    theirs.write_bytes(who.desk.stage_file.read_bytes())
    return Maintainer(who.folder, replace(who.desk, stage_file=theirs))


def publish(who: Maintainer) -> None:
    """Publish all."""
    list(releases.publish(who.desk, releases.ready_to_publish(who.desk)))


def cancel(who: Maintainer, project: str) -> None:
    """Cancel one."""
    list(releases.cancel(who.desk, [each for each in releases.in_stage_file(who.desk) if each.project == project]))


def test_until_a_colleague_publishes(maintainer: Maintainer, meanwhile: Meanwhile) -> None:
    maintainer.stage()
    colleague = elsewhere(maintainer)
    meanwhile.events = [lambda: None, lambda: publish(colleague)]
    for desk in (maintainer.desk, maintainer.logged_in(None)):
        [found] = meanwhile.wait(desk)
        assert (found.status, found.published) == ("published", True)
        assert in_file(maintainer) == {"foo": "published"}
    assert meanwhile.told == ["foo 1.0 is open"]
    assert len(meanwhile.pauses) == 2


def test_several_that_end_each_in_its_own_way(maintainer: Maintainer, meanwhile: Meanwhile) -> None:
    maintainer.stage("bar-2.0.tar.gz", "foo-1.0.tar.gz")
    colleague = elsewhere(maintainer)
    meanwhile.events = [lambda: cancel(colleague, "foo"), lambda: publish(colleague)]
    found = meanwhile.wait(maintainer.desk)
    assert [(each.release.project, each.status) for each in found] == [("bar", "published"), ("foo", "canceled")]
    assert in_file(maintainer) == {"bar": "published", "foo": "canceled"}


def test_without_credentials_a_stage_that_is_gone_is_gone(maintainer: Maintainer, meanwhile: Meanwhile) -> None:
    maintainer.stage()
    colleague = elsewhere(maintainer)
    meanwhile.events = [lambda: cancel(colleague, "foo")]
    [found] = meanwhile.wait(maintainer.logged_in(None))
    assert found.status == "gone"
    assert in_file(maintainer) == {"foo": "open"}


def test_one_that_expires_meanwhile(maintainer: Maintainer, meanwhile: Meanwhile, clock: Clock) -> None:
    maintainer.stage()
    meanwhile.events = [lambda: clock.advance(days=30)]
    [found] = meanwhile.wait(maintainer.desk)
    assert found.ended is not None
    assert (found.published, found.ended.exit_code) == (False, 3)


def test_for_no_longer_than_was_said(maintainer: Maintainer, meanwhile: Meanwhile) -> None:
    maintainer.stage("bar-2.0.tar.gz", "foo-1.0.tar.gz")
    colleague = elsewhere(maintainer)
    meanwhile.events = [lambda: None, lambda: cancel(colleague, "bar")]
    with pytest.raises(UnreachableError, match=r"foo 1\.0 is neither published nor canceled after 1m") as caught:
        meanwhile.wait(maintainer.desk, timedelta(minutes=1))
    assert caught.value.exit_code == 7
    assert sum(meanwhile.pauses) == pytest.approx(60)
    assert in_file(maintainer) == {"bar": "canceled", "foo": "open"}
    meanwhile.pauses.clear()
    with pytest.raises(UnreachableError, match=r"after 0s"):
        meanwhile.wait(maintainer.desk, timedelta())
    assert meanwhile.pauses == []


def test_without_a_limit(maintainer: Maintainer, meanwhile: Meanwhile) -> None:
    maintainer.stage()
    colleague = elsewhere(maintainer)
    meanwhile.events = [*[lambda: None] * 80, lambda: publish(colleague)]
    assert [each.status for each in meanwhile.wait(maintainer.desk, None)] == ["published"]
    assert sum(meanwhile.pauses) > Waiter().patience.processing


def test_the_index_says_how_long_it_wants_to_be_left_alone(
    at_plain: Maintainer, plain: UploadServer, meanwhile: Meanwhile
) -> None:
    at_plain.stage()
    plain.deferred_publish, plain.status = 3, "processing"
    assert [each.status for each in meanwhile.wait(at_plain.desk)] == ["published"]
    assert meanwhile.pauses == [3, 3]


def test_each_change_is_told_once(at_plain: Maintainer, plain: UploadServer, meanwhile: Meanwhile) -> None:
    at_plain.stage()

    def process() -> None:
        plain.status, plain.deferred_publish = "processing", 9

    def fail() -> None:
        plain.status, plain.notices = "error", ["no licence"]

    meanwhile.events = [
        lambda: setattr(plain, "notices", ["soon"]),
        process,
        lambda: None,
        fail,
        lambda: setattr(plain, "status", "canceled"),
    ]
    assert [each.status for each in meanwhile.wait(at_plain.desk)] == ["canceled"]
    assert meanwhile.told == [
        *("foo 1.0 is open", "foo 1.0 is open", "soon", "foo 1.0 is processing", "soon"),
        *("foo 1.0 is error", "no licence"),
    ]


def test_an_index_that_fails_is_no_time_out(at_plain: Maintainer, plain: UploadServer, meanwhile: Meanwhile) -> None:
    at_plain.stage()
    down = problem(503, "Down")
    plain.script("GET", "/s$", replace(down, headers={**down.headers, "Retry-After": "99999"}))
    with pytest.raises(UnreachableError, match=r"the index failed \(503\): Down"):
        meanwhile.wait(at_plain.desk)


def test_a_published_session_that_the_index_has_forgotten(
    make_desk: MakeDesk, meanwhile: Meanwhile, plain: UploadServer
) -> None:
    plain.previews = True
    simple = f"{plain.origin}/stage/x/simple/"
    desk = make_desk({"plain": Repository("plain", plain.endpoint, simple)}, auth="secret", default_repo="plain")
    who = Maintainer(desk.stage_file.parent, desk)
    [staged] = who.stage()
    gone = problem(404, "No such session")
    plain.script("GET", "/s$", gone, gone)
    plain.script("GET", f"/stage/{staged.session_token}/", gone, gone)
    [found] = meanwhile.wait(desk)
    assert found.published
    # the next verb knows it from the file
    with pytest.raises(StageGoneError, match=r"foo 1\.0 was published already"):
        releases.ready_to_publish(desk)


def test_nothing_to_look_at(at_plain: Maintainer, meanwhile: Meanwhile) -> None:
    at_plain.stage()
    with pytest.raises(NotAllowedError, match="no credentials"):
        meanwhile.wait(at_plain.logged_in(None))
