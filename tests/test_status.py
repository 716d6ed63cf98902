"""The status of releases: as the publishing session says with credentials, as the stage says without."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.client.upload_server import UploadServer
from tests.conftest import Maintainer

from hatch_staged import releases, status
from hatch_staged.errors import NotAllowedError
from hatch_staged.protocol.states import SessionState
from hatch_staged.repositories import Repository
from hatch_staged.stage import stagefile
from hatch_staged.stage.expected import Expectation
from hatch_staged.stage.model import StageFile

if TYPE_CHECKING:
    from tests.conftest import Clock, MakeDesk

    from hatch_staged.desk import Desk
    from hatch_staged.status import ReleaseStatus


def only(desk: Desk) -> ReleaseStatus:
    """Return the status of the one release."""
    [found] = status.check(desk)
    return found


def files(found: ReleaseStatus) -> dict[str, tuple[str, bool]]:
    """Return file name -> its status, and whether the stage file names it."""
    return {file.filename: (file.status, file.artifact is not None) for file in found.files}


def end(who: Maintainer, state: SessionState) -> None:
    """Publish or cancel what is staged, and leave the stage file as it was: somebody else did it."""
    before = who.desk.stage_file.read_bytes()
    if state is SessionState.PUBLISHED:
        list(releases.publish(who.desk, releases.ready_to_publish(who.desk)))
    else:
        list(releases.cancel(who.desk, releases.in_stage_file(who.desk)))
    who.desk.stage_file.write_bytes(before)


def test_an_open_session(maintainer: Maintainer) -> None:
    [staged] = maintainer.stage()
    for desk in (maintainer.desk, maintainer.logged_in(None), maintainer.logged_in("wrong")):
        found = only(desk)
        assert (found.release, found.status, found.ended) == (staged, "open", None)
        assert files(found) == dict.fromkeys(("foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz"), ("completed", True))
        assert found.expires_at == staged.expires_at


def test_what_is_configured_is_expected_of_what_can_be_published(maintainer: Maintainer) -> None:
    desk = replace(maintainer.desk, expected=("*.zip",))
    maintainer.stage()
    assert status.expectation(desk, status.check(desk)) == Expectation(("*.zip",), ("*.zip",))
    end(maintainer, SessionState.CANCELED)
    assert status.expectation(desk, status.check(desk)) == Expectation((), ())


def test_files_that_only_one_side_knows(maintainer: Maintainer) -> None:
    [first] = maintainer.stage("foo-1.0.tar.gz")
    [second] = maintainer.stage("foo-1.0-py3-none-any.whl")
    unknown = replace(
        first.artifacts[0], filename="foo-1.0-py2-none-any.whl", url=None, path="foo-1.0-py2-none-any.whl"
    )
    stagefile.write(
        maintainer.desk.stage_file,
        StageFile((replace(second, artifacts=(*second.of_kind(second.artifacts[0].distribution.kind), unknown)),)),
    )
    assert files(only(maintainer.desk))["foo-1.0-py2-none-any.whl"] == (status.MISSING, True)
    stagefile.write(maintainer.desk.stage_file, StageFile((first,)))
    assert files(only(maintainer.desk)) == {
        "foo-1.0-py3-none-any.whl": ("completed", False),
        "foo-1.0.tar.gz": ("completed", True),
    }


@pytest.mark.parametrize(
    ("state", "with_credentials", "without"),
    [
        (SessionState.PUBLISHED, "published", "published"),
        # whoever has no credentials sees that the stage is not there, not why
        (SessionState.CANCELED, "canceled", status.GONE),
    ],
)
def test_a_session_that_has_ended(
    maintainer: Maintainer, state: SessionState, with_credentials: str, without: str
) -> None:
    maintainer.stage()
    end(maintainer, state)
    for desk, expected in ((maintainer.desk, with_credentials), (maintainer.logged_in(None), without)):
        found = only(desk)
        assert found.status == expected
        assert found.ended is not None
        assert found.ended.exit_code == 3


def test_a_session_that_expired_or_that_nobody_knows(maintainer: Maintainer, clock: Clock) -> None:
    [staged] = maintainer.stage()
    stranger = replace(staged, session=f"{staged.session}x")
    stagefile.write(maintainer.desk.stage_file, StageFile((stranger,)))
    assert only(maintainer.desk).status == status.GONE
    stagefile.write(maintainer.desk.stage_file, StageFile((replace(stranger, status=SessionState.PUBLISHED),)))
    assert only(maintainer.desk).status == "published"
    stagefile.write(maintainer.desk.stage_file, StageFile((staged,)))
    clock.advance(days=30)
    for desk in (maintainer.desk, maintainer.logged_in(None)):
        found = only(desk)
        assert found.ended is not None


def test_what_the_index_has_to_say_and_no_previews(make_desk: MakeDesk) -> None:
    with UploadServer() as plain:
        plain.previews = False
        desk = make_desk({"plain": Repository("plain", plain.endpoint)}, auth="secret", default_repo="plain")
        maintainer = Maintainer(desk.stage_file.parent, desk)
        maintainer.stage("foo-1.0.tar.gz")
        plain.notices = ["quota is nearly used up"]
        plain.files["foo-1.0.tar.gz"].notices = ["no licence"]
        found = only(desk)
        assert found.notices == ("quota is nearly used up",)
        assert [file.notices for file in found.files] == [("no licence",)]
        # nothing to look at without credentials
        with pytest.raises(NotAllowedError, match="no credentials"):
            status.check(maintainer.logged_in(None))
