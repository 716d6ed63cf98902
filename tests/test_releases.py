"""Stage, publish, cancel and pull, at a real index: what becomes of the stage file, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import NoResultFound
from tests.client.upload_server import SIMPLE_JSON, Reply, UploadServer, problem, reply
from tests.conftest import Maintainer, in_file

from hatch_staged import pulling, releases
from hatch_staged.client import staging
from hatch_staged.client.credentials import Credentials
from hatch_staged.client.progress import Silent
from hatch_staged.client.transport import Transport
from hatch_staged.client.upload_api import Client
from hatch_staged.client.waiting import Waiter
from hatch_staged.desk import utc_now
from hatch_staged.errors import (
    ConfigurationError,
    ConflictError,
    NotAllowedError,
    ProtocolError,
    StagedError,
    StageGoneError,
)
from hatch_staged.index import expiry
from hatch_staged.index.database import session_rows
from hatch_staged.pulling import Capability
from hatch_staged.repositories import Repository
from hatch_staged.stage import stagefile
from hatch_staged.stage.model import StageFile
from hatch_staged.stage.named import Named

if TYPE_CHECKING:
    from tests.conftest import Clock, MakeDesk, TeamIndex

    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.stage.model import StagedRelease


def test_staging_writes_each_release_into_the_stage_file(maintainer: Maintainer) -> None:
    maintainer.stage("bar-2.0.tar.gz")
    staged = maintainer.stage("baz-1.0.tar.gz", "foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl")
    assert [release.label for release in staged] == ["baz 1.0", "foo 1.0"]
    assert in_file(maintainer) == {"bar": "open", "baz": "open", "foo": "open"}
    assert stagefile.load(maintainer.desk.stage_file).releases[1:] == tuple(staged)


def test_a_broken_stage_file_costs_no_upload(maintainer: Maintainer) -> None:
    maintainer.desk.stage_file.write_text("lock-version = 1")
    with pytest.raises(ConfigurationError):
        maintainer.stage()
    maintainer.desk.stage_file.unlink()
    with pytest.raises(StageGoneError, match=r"nothing is staged as foo 1\.0"):
        pulling.pull(maintainer.desk, "foo==1.0", Capability())


def test_publishing_everything(maintainer: Maintainer, team: TeamIndex) -> None:
    maintainer.stage("bar-2.0.tar.gz", "foo-1.0.tar.gz")
    ready = releases.ready_to_publish(maintainer.desk)
    published = releases.publish(maintainer.desk, ready)
    assert next(published).label == "bar 2.0"
    assert in_file(maintainer) == {"bar": "published", "foo": "open"}
    assert [release.label for release in published] == ["foo 1.0"]
    assert in_file(maintainer) == {"bar": "published", "foo": "published"}
    with maintainer.desk.connections.anonymous(team.repository) as client:
        page = client.project_page(f"{team.root}simple/", "foo")
        assert page is not None
        assert [file.filename for file in page.files] == ["foo-1.0.tar.gz"]
    with pytest.raises(StageGoneError, match=r"bar 2\.0 was published already"):
        releases.ready_to_publish(maintainer.desk)


def test_an_error_says_what_is_public_already(maintainer: Maintainer) -> None:
    maintainer.stage("bar-2.0.tar.gz", "baz-1.0.tar.gz", "foo-1.0.tar.gz")
    published = releases.publish(maintainer.desk, releases.ready_to_publish(maintainer.desk))
    next(published)
    next(published)
    [foo] = [release for release in releases.in_stage_file(maintainer.desk) if release.project == "foo"]
    list(releases.cancel(maintainer.desk, [foo]))
    with pytest.raises(StageGoneError) as caught:
        next(published)
    assert caught.value.what == "foo 1.0 was canceled already (public already: bar 2.0, baz 1.0)"


def test_the_first_that_fails_has_nothing_to_add(maintainer: Maintainer) -> None:
    maintainer.stage()
    ready = releases.ready_to_publish(maintainer.desk)
    list(releases.cancel(maintainer.desk, ready))
    with pytest.raises(StageGoneError) as caught:
        next(releases.publish(maintainer.desk, ready))
    assert "public already" not in caught.value.what


def test_what_is_canceled_is_all_that_lives_or_what_is_named(maintainer: Maintainer) -> None:
    foo = Named.parse("foo==1.0")
    assert releases.to_cancel(maintainer.desk, foo) == (), "without a stage file, too"
    with pytest.raises(ConfigurationError, match="no stage file"):
        releases.to_cancel(maintainer.desk, None)
    bar, staged = maintainer.stage("bar-2.0.tar.gz", "foo-1.0.tar.gz")
    assert releases.to_cancel(maintainer.desk, None) == (bar, staged)
    assert releases.to_cancel(maintainer.desk, foo) == (staged,)
    assert releases.to_cancel(maintainer.desk, Named.parse("foo==1.1")) == ()
    list(releases.cancel(maintainer.desk, [staged]))
    assert releases.to_cancel(maintainer.desk, foo) == ()
    with pytest.raises(StageGoneError, match=r"there is no session of foo 1\.0"):
        releases.discard(maintainer.desk, foo)


def test_what_ended_elsewhere_is_marked(maintainer: Maintainer) -> None:
    maintainer.stage()
    before = maintainer.desk.stage_file.read_bytes()
    list(releases.cancel(maintainer.desk, releases.in_stage_file(maintainer.desk)))
    maintainer.desk.stage_file.write_bytes(before)
    with pytest.raises(StageGoneError):
        releases.ready_to_publish(maintainer.desk)
    assert in_file(maintainer) == {"foo": "canceled"}
    with pytest.raises(StageGoneError):
        list(releases.cancel(maintainer.desk, releases.in_stage_file(maintainer.desk)))


@pytest.mark.parametrize("verb", ["publish", "cancel", "extend"])
def test_an_expired_session_is_told_as_such(maintainer: Maintainer, team: TeamIndex, clock: Clock, verb: str) -> None:
    [staged] = maintainer.stage()
    clock.advance(days=8)
    expiry.expire_due(team.index)
    clock.advance(days=300)
    expiry.forget_ended(team.index)
    with pytest.raises(StageGoneError) as caught:
        carry_out(maintainer, verb)
    assert caught.value.what == f"the stage of foo 1.0 expired at {staged.expires_at:%Y-%m-%d %H:%M} UTC"
    assert caught.value.hint.startswith("stage it again")


@pytest.mark.parametrize("verb", ["publish", "cancel", "extend"])
def test_an_expired_session_that_the_index_remembers(maintainer: Maintainer, clock: Clock, verb: str) -> None:
    maintainer.stage()
    clock.advance(days=8)
    with pytest.raises(StageGoneError, match=r"foo 1\.0 expired at .* UTC, or was canceled before"):
        carry_out(maintainer, verb)


def carry_out(who: Maintainer, verb: str) -> None:
    live = releases.live_in_stage_file(who.desk)
    if verb == "publish":
        list(releases.publish(who.desk, live))
    elif verb == "cancel":
        list(releases.cancel(who.desk, live))
    else:
        list(releases.extend(who.desk, live, timedelta(hours=2)))


def test_extending_each(maintainer: Maintainer) -> None:
    before = maintainer.stage("bar-2.0.tar.gz", "foo-1.0.tar.gz")
    by = timedelta(hours=2)
    extended = list(releases.extend(maintainer.desk, before, by))
    assert [each.granted for each in extended] == [by, by]
    later = [each.expires_at + by for each in before if each.expires_at is not None]
    assert [each.release for each in extended] == [
        replace(each, expires_at=expiry) for each, expiry in zip(before, later, strict=True)
    ]
    assert stagefile.load(maintainer.desk.stage_file).releases == tuple(each.release for each in extended)


def test_an_index_that_grants_less(maintainer: Maintainer) -> None:
    [staged] = maintainer.stage()
    [extended] = releases.extend(maintainer.desk, [staged], timedelta(days=365))
    assert timedelta() < extended.granted < timedelta(days=365)
    assert staged.expires_at is not None
    assert extended.release.expires_at == staged.expires_at + extended.granted
    assert releases.in_stage_file(maintainer.desk) == (extended.release,)


def test_an_index_that_has_no_extensions(at_plain: Maintainer, plain: UploadServer) -> None:
    staged = at_plain.stage()
    plain.extensions = False
    with pytest.raises(StagedError, match="this index does not extend sessions"):
        list(releases.extend(at_plain.desk, staged, timedelta(hours=2)))
    assert releases.in_stage_file(at_plain.desk) == tuple(staged)


def test_what_the_index_has_to_say_when_it_publishes(at_plain: Maintainer, plain: UploadServer) -> None:
    at_plain.stage()
    plain.notices = ["no licence"]
    told: list[str] = []
    list(releases.publish(at_plain.desk, releases.ready_to_publish(at_plain.desk), notice=told.append))
    assert told == ["foo 1.0: no licence"]


def test_nothing_is_published_that_the_stage_file_does_not_name(maintainer: Maintainer) -> None:
    maintainer.stage("foo-1.0.tar.gz")
    tested = maintainer.desk.stage_file.read_bytes()
    maintainer.stage("foo-1.0.tar.gz", "foo-1.0-py3-none-any.whl", content=b"other")
    maintainer.desk.stage_file.write_bytes(tested)
    with pytest.raises(ConflictError, match=r"foo-1\.0-py3-none-any\.whl, foo-1\.0\.tar\.gz") as caught:
        releases.ready_to_publish(maintainer.desk)
    assert caught.value.hint.startswith("hatch stage pull foo==1.0")


def test_nothing_is_published_that_is_not_complete(maintainer: Maintainer) -> None:
    [staged] = maintainer.stage()
    assert staged.session is not None
    with maintainer.desk.connections.open(maintainer.desk.repository()) as client:
        session = client.session(staged.session)
        [release] = maintainer.build("foo-1.0-cp314-cp314-any.whl")
        client.create_file(session, release.artifacts[0], "http-post-bytes")
    with pytest.raises(ConflictError, match=r"foo 1\.0 is not complete: foo-1\.0-cp314-cp314-any\.whl \(pending\)"):
        releases.ready_to_publish(maintainer.desk)


def test_an_index_without_previews(at_plain: Maintainer, plain: UploadServer) -> None:
    [staged] = at_plain.stage()
    assert staged.stage is None
    assert [artifact.path for artifact in staged.artifacts] == ["dist/foo-1.0-py3-none-any.whl", "dist/foo-1.0.tar.gz"]
    with pytest.raises(StagedError, match="cannot be pulled: its index has no previews"):
        pulling.pull(at_plain.desk, "foo==1.0", Capability())

    plain.add_file("foo-1.0-py2-none-any.whl", b"of somebody else")
    with pytest.raises(ConflictError, match=r"foo-1\.0-py2-none-any\.whl"):
        releases.ready_to_publish(at_plain.desk)
    del plain.files["foo-1.0-py2-none-any.whl"]
    assert list(releases.publish(at_plain.desk, releases.ready_to_publish(at_plain.desk)))
    assert in_file(at_plain) == {"foo": "published"}


def test_a_stage_file_that_names_nothing(maintainer: Maintainer) -> None:
    with pytest.raises(ConfigurationError, match="there is no stage file"):
        releases.in_stage_file(maintainer.desk)
    stagefile.write(maintainer.desk.stage_file, StageFile())
    with pytest.raises(ConfigurationError, match="names no release"):
        releases.in_stage_file(maintainer.desk)


def test_the_index_that_is_asked_for(maintainer: Maintainer, team: TeamIndex) -> None:
    [staged] = maintainer.stage()
    for repo in ("team", team.url, team.url.rstrip("/")):
        assert maintainer.asking(repo).repository_of(staged) == team.repository
    with pytest.raises(ConfigurationError, match="on another index than --repo says") as caught:
        maintainer.asking("https://other.example/upload/").repository_of(staged)
    assert caught.value.where == team.url
    other = replace(staged, index="https://other.example/upload/")
    assert maintainer.desk.repository_of(other) == Repository(other.index, other.index, chosen=False)


def test_without_credentials_nothing_is_staged(maintainer: Maintainer) -> None:
    stranger = Maintainer(maintainer.folder, maintainer.logged_in(None))
    with pytest.raises(NotAllowedError, match="no credentials"):
        stranger.stage()
    assert not maintainer.desk.stage_file.exists()


def test_the_clock_is_the_real_one_by_default() -> None:
    assert abs(utc_now() - datetime.now(timezone.utc)) < timedelta(minutes=1)


def test_what_a_colleague_stages_after_the_question_is_not_published(maintainer: Maintainer) -> None:
    maintainer.stage()
    ready = releases.ready_to_publish(maintainer.desk)
    colleague = Maintainer(maintainer.folder, replace(maintainer.desk, stage_file=maintainer.folder / "theirs.toml"))
    colleague.stage(content=b"untested")
    with pytest.raises(ConflictError, match="does not hold what the stage file names: foo-1"):
        list(releases.publish(maintainer.desk, ready))
    assert in_file(maintainer) == {"foo": "open"}


def test_a_stage_without_a_page_is_not_published(plain: UploadServer, make_desk: MakeDesk) -> None:
    plain.previews = True
    desk = make_desk({"plain": Repository("plain", plain.endpoint)}, auth="secret", default_repo="plain")
    maintainer = Maintainer(desk.stage_file.parent, desk)
    maintainer.stage()
    plain.pages = False
    with pytest.raises(ProtocolError, match="its stage has no page"):
        releases.ready_to_publish(desk)


def test_releases_that_have_ended_are_no_obstacle(maintainer: Maintainer) -> None:
    maintainer.stage("bar-1.0.tar.gz")
    assert [each.label for each in publish_all(maintainer)] == ["bar 1.0"]
    maintainer.stage("foo-1.0.tar.gz")
    assert [each.label for each in publish_all(maintainer)] == ["foo 1.0"]
    with pytest.raises(StageGoneError, match=r"bar 1\.0 was published already, foo 1\.0 was published already"):
        publish_all(maintainer)


def publish_all(who: Maintainer) -> list[StagedRelease]:
    return list(releases.publish(who.desk, releases.ready_to_publish(who.desk)))


def test_a_publication_whose_answer_is_lost_and_whose_session_is_forgotten(
    plain: UploadServer, make_desk: MakeDesk
) -> None:
    simple = f"{plain.origin}/public/"
    desk = make_desk({"plain": Repository("plain", plain.endpoint, simple)}, auth="secret", default_repo="plain")
    maintainer = Maintainer(desk.stage_file.parent, desk)
    [staged] = maintainer.stage()
    files = [{"filename": a.filename, "url": a.filename, "hashes": dict(a.hashes)} for a in staged.artifacts]
    page = reply(200, {"meta": {"api-version": "1.1"}, "name": "foo", "files": files}, SIMPLE_JSON)
    for public, end in (([], "open"), ([page], "published")):
        ready = releases.ready_to_publish(desk)
        plain.script("POST", "/p$", problem(500, "Oh"))
        plain.script("GET", "/s$", plain_session(plain), problem(404, "No such session"))
        plain.script("GET", "/public/foo/", *public)
        if public:
            assert list(releases.publish(desk, ready))
        else:
            with pytest.raises(StageGoneError):
                list(releases.publish(desk, ready))
        assert in_file(maintainer) == {"foo": end}
        assert plain.status == "open", "which nobody repeats blindly"


def plain_session(index: UploadServer) -> Reply:
    return reply(200, index.session())


@pytest.mark.parametrize("configured", [False, True])
def test_nothing_is_published_while_something_expected_is_missing(
    maintainer: Maintainer, team: TeamIndex, *, configured: bool
) -> None:
    expected = ("foo-1.0-*.whl", "*.tar.gz")
    desk = replace(maintainer.desk, expected=expected) if configured else maintainer.desk
    who = replace(maintainer, desk=desk)
    given = () if configured else expected

    def stage(*filenames: str) -> None:
        found = who.build(*filenames)
        list(releases.stage(desk, team.repository, found, jobs=2, reporter=Silent(), expected=given))

    stage("foo-1.0.tar.gz")
    with pytest.raises(ConflictError, match=r"not everything that is expected is staged: foo-1\.0-\*\.whl") as caught:
        releases.ready_to_publish(desk)
    assert caught.value.exit_code == 5
    stage("foo-1.0-py3-none-any.whl")
    assert [release.label for release in publish_all(who)] == ["foo 1.0"], "two machines staged it"


def test_machines_stage_into_one_session_at_once(maintainer: Maintainer, team: TeamIndex) -> None:
    wheels = [f"foo-1.0-{build}-py3-none-any.whl" for build in range(5)]
    found = maintainer.build(*wheels, "foo-1.0.tar.gz")
    [whole] = found
    by_name = {artifact.filename: artifact for artifact in whole.artifacts}

    def stage(wheel: str) -> StagedRelease:
        # each has one wheel of its own, and the same sdist
        part = replace(whole, artifacts=(by_name[wheel], by_name["foo-1.0.tar.gz"]))
        desk = replace(maintainer.desk, stage_file=maintainer.folder / f"{wheel}.toml")
        [staged] = releases.stage(desk, team.repository, [part], jobs=2, reporter=Silent())
        return staged

    with ThreadPoolExecutor(len(wheels)) as machines:
        sessions = {staged.session for staged in machines.map(stage, wheels)}

    assert len(sessions) == 1
    pulled = pulling.pull(maintainer.desk, "foo==1.0", Capability())
    assert {artifact.filename: artifact.sha256 for artifact in pulled.artifacts} == {
        name: artifact.hashes["sha256"] for name, artifact in by_name.items()
    }


def test_a_preview_does_nothing(maintainer: Maintainer, team: TeamIndex) -> None:
    def steps(*filenames: str, prune: bool = False) -> list[str]:
        found = maintainer.build(*filenames)
        [plan] = releases.preview(maintainer.desk, team.repository, found, prune=prune)
        foreign = [f"leave {name}" for name in plan.foreign] + [f"delete {each.filename}" for each in plan.pruned]
        unseen = [] if plan.looked else ["unseen"]
        return [decision.step.value for decision in plan.decisions] + foreign + unseen

    assert steps("foo-1.0.tar.gz") == ["upload", "unseen"]
    with pytest.raises(StageGoneError):
        pulling.pull(maintainer.desk, "foo==1.0", Capability())
    maintainer.stage("foo-1.0.tar.gz")
    before = maintainer.desk.stage_file.read_bytes()
    assert steps("foo-1.0.tar.gz") == ["keep"]
    assert steps("foo-1.0-py3-none-any.whl") == ["upload", "leave foo-1.0.tar.gz"]
    assert steps("foo-1.0-py3-none-any.whl", prune=True) == ["upload", "delete foo-1.0.tar.gz"]
    assert maintainer.desk.stage_file.read_bytes() == before
    [staged] = releases.in_stage_file(maintainer.desk)
    assert staged.session is not None
    with maintainer.desk.connections.open(team.repository) as client:
        client.cancel(client.session(staged.session))
    assert steps("foo-1.0.tar.gz") == ["upload", "unseen"]
    unknown = replace(staged, session=f"{team.url}sessions/{'0' * 32}/")
    stagefile.write(maintainer.desk.stage_file, StageFile((unknown,)))
    assert steps("foo-1.0.tar.gz") == ["upload", "unseen"]


def test_others_files_stay_where_there_are_no_previews(at_plain: Maintainer, plain: UploadServer) -> None:
    plain.add_file("foo-1.0-py2-none-any.whl", b"of somebody else")
    [staged] = at_plain.stage("foo-1.0.tar.gz")
    assert [artifact.filename for artifact in staged.artifacts] == ["foo-1.0.tar.gz"]
    assert "foo-1.0-py2-none-any.whl" in plain.files


def test_a_session_that_expires_during_the_upload(maintainer: Maintainer, team: TeamIndex, clock: Clock) -> None:
    begun: list[str] = []

    class Late(Silent):
        def started(self, artifact: Artifact) -> None:
            begun.append(artifact.filename)
            if len(begun) == 2:
                clock.advance(days=8)

    [release] = maintainer.build("foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz")
    transport = Transport(team.url, Credentials("__token__", team.secret), waiter=Waiter(now=clock))
    with Client(transport) as client:
        outcome = staging.stage(release, client, jobs=1, reporter=Late())
        assert client.find_session("foo", "1.0") == outcome.session
    assert len(begun) == 4, "both into the first session, and into the second"
    assert outcome.session.files.keys() == {artifact.filename for artifact in release.artifacts}


def test_two_that_keep_different_releases_at_once_keep_both(maintainer: Maintainer) -> None:
    names = [f"project{number}" for number in range(8)]
    staged = maintainer.stage(*(f"{name}-1.0.tar.gz" for name in names))
    maintainer.desk.stage_file.unlink()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda release: releases.mark(maintainer.desk, release, release.status), staged))
    assert sorted(in_file(maintainer)) == names


def test_a_stage_file_that_cannot_be_written_costs_no_upload(maintainer: Maintainer) -> None:
    desk = replace(maintainer.desk, stage_file=maintainer.folder / "nowhere" / ".stage.toml")
    with pytest.raises(StagedError, match="cannot be written there"):
        Maintainer(maintainer.folder, desk).stage()
    with pytest.raises(StageGoneError):
        pulling.pull(maintainer.desk, "foo==1.0", Capability())


def test_nothing_is_left_of_a_release_that_the_index_refuses(maintainer: Maintainer, team: TeamIndex) -> None:
    maintainer.stage("foo-1.0.tar.gz")
    publish_all(maintainer)
    with pytest.raises(ConflictError, match=r"foo-1\.0\.tar\.gz") as caught:
        maintainer.stage("foo-1.0.tar.gz", content=b"other")
    assert caught.value.hint == "what is published cannot be replaced: raise the version, build, and stage that"
    with team.index.database.reading() as tx, pytest.raises(NoResultFound):
        session_rows.live(tx, "foo", "1")


def test_a_conflict_about_something_else_does_not_speak_of_what_is_published(
    make_desk: MakeDesk, plain: UploadServer
) -> None:
    def refused(simple: str | None) -> str:
        repository = Repository("plain", plain.endpoint, simple)
        desk = make_desk({"plain": repository}, auth="secret", default_repo="plain")
        plain.script("POST", "/u$", problem(409, "One session is enough"))
        with pytest.raises(ConflictError, match="One session is enough") as caught:
            Maintainer(desk.stage_file.parent, desk).stage("foo-1.0.tar.gz")
        return caught.value.hint

    assert refused(f"{plain.endpoint}nothing/") == "", "the index shows nothing of foo there"
    assert refused(None).startswith("what is published cannot be replaced"), "nobody knows"
    plain.script("GET", "nothing/foo/$", problem(400, "No pages today"))
    assert refused(f"{plain.endpoint}nothing/").startswith("what is published cannot be replaced"), "nor here"


def test_what_was_staged_before_is_known_by_its_hashes(maintainer: Maintainer) -> None:
    assert releases.staged_before(maintainer.desk) == frozenset()
    [release] = maintainer.build("foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz")
    maintainer.stage()
    assert releases.staged_before(maintainer.desk) == {artifact.hashes["sha256"] for artifact in release.artifacts}


def test_a_session_that_an_index_without_previews_does_not_know(at_plain: Maintainer, plain: UploadServer) -> None:
    at_plain.stage()
    plain.script("GET", "/s$", problem(404, "No such session"))
    with pytest.raises(StageGoneError, match=r"does not know the publishing session \(404\): No such session"):
        releases.ready_to_publish(at_plain.desk)
