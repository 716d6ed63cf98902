"""PEP 694, "Atomic Publication and Conflicts": what a publication does, and how a conflict is reported."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from hatch_staged.conformance import failures, legacy, simple, steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Release
    from hatch_staged.conformance.steps import Session
    from hatch_staged.conformance.target import Target
    from hatch_staged.conformance.wire import Principal

_RACERS = 8
_MOST_LOOKS = 60
_TAGS = ("py3-none-any", "cp312-cp312-linux_x86_64", "cp313-cp313-linux_x86_64", "cp314-cp314-linux_x86_64")


@covers("SESSION-ATOMIC-01", "Publishing a session is atomic with respect to the release's filename namespace.")
def test_the_files_of_a_session_appear_together(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    root = index.require_simple()
    names = {release.wheel(tag).filename for tag in _TAGS}
    for tag in _TAGS:
        steps.stage(owner, session, release.wheel(tag))
    with ThreadPoolExecutor(1) as pool:
        published = pool.submit(owner.post, session.publish)
        for _ in range(_MOST_LOOKS):
            public = set(simple.files(owner, root, release.project))
            assert public in (set(), names), f"published are only {sorted(public)}"
            if public:
                break
    assert published.result().ok, f"the session was not published: {published.result()}"
    steps.session_state(owner, session)
    public = set(simple.files(owner, root, release.project))
    assert public == names, f"published are only {sorted(public)}"


@covers("SESSION-ATOMIC-01", "Publishing a session is atomic with respect to the release's filename namespace.")
def test_a_publication_that_fails_publishes_no_file(owner: Principal, index: Target) -> None:
    root = index.require_simple()
    doomed = failures.doom(owner, index)
    # One that nothing is in the way of; its name sorts before that of a wheel or behind it, as it happens.
    others = [doomed.release.sdist(), doomed.release.wheel("cp312-cp312-linux_x86_64")]
    for artifact in others:
        steps.stage(owner, doomed.session, artifact)
    answer = owner.post(doomed.session.publish)
    state = steps.session_state(owner, doomed.session)
    assert state in {"open", "error"}, f"{state} after a publication that has to fail: {answer}"
    public = simple.files(owner, root, doomed.release.project)
    for artifact in others:
        assert artifact.filename not in public, f"{artifact.filename} of a publication that failed is public"


@covers("SESSION-ATOMIC-02", "the index MUST guarantee that it never publishes two files with the same name")
def test_concurrent_publish_requests_publish_each_file_once(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    root = index.require_simple()
    artifact = release.wheel()
    steps.stage(owner, session, artifact)
    with ThreadPoolExecutor(_RACERS) as pool:
        answers = list(pool.map(lambda _: owner.post(session.publish), range(_RACERS)))
    failed = [answer for answer in answers if answer.status >= 500]
    assert not failed, f"a concurrent publish request failed: {failed[0]}"
    state = steps.session_state(owner, session)
    assert state in steps.PUBLISHED, f"{state} after concurrent publish requests"
    simple.require_published(owner, root, release.project, artifact)


@covers("SESSION-ATOMIC-02", "even in the presence of concurrent uploads arriving through this API or the legacy API.")
def test_of_concurrent_uploads_through_both_apis_one_wins(owner: Principal, index: Target) -> None:
    root, url = index.require_simple(), index.require_legacy()
    release = failures.second_version(owner, index)
    session = steps.open_session(owner, index.root, release)
    rivals = [release.wheel(content=f"rival {number}") for number in range(_RACERS - 1)]
    staged = release.wheel()
    steps.stage(owner, session, staged)
    with ThreadPoolExecutor(_RACERS) as pool:
        publication = pool.submit(owner.post, session.publish)
        uploads = list(pool.map(lambda rival: legacy.upload(owner, url, release, rival), rivals))
    answers = [publication.result(), *uploads]
    failed = [answer for answer in answers if answer.status >= 500]
    assert not failed, f"a concurrent upload failed: {failed[0]}"
    state = steps.session_state(owner, session)
    winners = [rival for rival, answer in zip(rivals, uploads, strict=True) if answer.ok]
    winners += [staged] if state in steps.PUBLISHED else []
    assert len(winners) == 1, f"of {_RACERS} files with the same name, {len(winners)} were taken"
    simple.require_published(owner, root, release.project, winners[0])


@covers("SESSION-ATOMIC-04", "The authoritative conflict check is therefore performed atomically at publish time.")
def test_a_conflict_that_came_after_the_upload_is_found_by_the_publication(owner: Principal, index: Target) -> None:
    doomed = failures.collide(owner, index)
    answer = owner.post(doomed.session.publish)
    state = steps.session_state(owner, doomed.session)
    assert state in {"open", "error"}, f"{state} although {doomed.artifact.filename} was published before: {answer}"
    if index.simple is not None:
        simple.require_published(owner, index.simple, doomed.release.project, doomed.rival)


@covers("SESSION-ATOMIC-02", "it never publishes two files with the same name for the same release")
@covers("SESSION-ATOMIC-11", "If the publish succeeds, the reservation converts to permanent publication.")
def test_the_name_of_a_published_file_is_taken_for_good(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    steps.stage(owner, session, release.wheel())
    steps.publish(owner, session)
    rival = release.wheel(content="rival")
    second = steps.open_session(owner, index.root, release)
    answer = owner.post(second.upload, rival.request())
    assert answer.status == 409, f"{rival.filename} was taken although it is published: {answer}"
    if index.legacy is not None:
        answer = legacy.upload(owner, index.legacy, release, rival)
        assert answer.refused, f"{rival.filename} was taken although it is published: {answer}"
    if index.simple is not None:
        simple.require_published(owner, index.simple, release.project, release.wheel())


@covers(
    "SESSION-ATOMIC-15",
    "another precondition that held when the session was created but no longer holds, such as an exhausted quota",
)
def test_an_exhausted_quota_is_found_by_the_publication(owner: Principal, index: Target) -> None:
    doomed = failures.exhaust_quota(owner, index)
    answer = owner.post(doomed.session.publish)
    state = steps.session_state(owner, doomed.session)
    expected = "error" if answer.status == 202 else "open"
    assert answer.status == 202 or answer.refused, f"a project got more than its quota: {answer}"
    assert state == expected, f"{state} after: {answer}"


@covers("SESSION-ATOMIC-15", "it reports the failure according to the publishing session state machine")
@covers("SESSION-ATOMIC-16", "it MUST return an error response -- a 409 Conflict for a filename collision")
@covers("SESSION-ATOMIC-16", "identifying the conflicting file(s), and leave the session in its current editable state")
def test_a_collision_that_is_found_at_once_is_refused_with_the_file_name(owner: Principal, index: Target) -> None:
    doomed = failures.collide(owner, index)
    answer = failures.fail_now(owner, doomed)
    assert answer.status == 409, f"a collision of file names was answered with {answer}"
    answer.json()
    told = answer.content.decode()
    assert doomed.artifact.filename in told, f"the refusal does not name {doomed.artifact.filename}: {answer}"
    state = steps.session_state(owner, doomed.session)
    assert state == "open", f"{state} after a publication that failed at once"


@covers(
    "SESSION-ATOMIC-17",
    "If the server accepted the publish for deferred processing and detects the conflict during processing, it MUST "
    "move the session to the error state",
)
def test_an_exhausted_quota_that_is_found_later_is_in_the_notices(owner: Principal, index: Target) -> None:
    failed = failures.failed(owner, index)
    # Which file is one too many is not always clear, so it need not be named.
    notices = steps.notices(steps.session_status(owner, failed.session))
    assert any(notice.strip() for notice in notices), f"no notice says why: {notices}"


@covers("SESSION-ATOMIC-15", "it reports the failure according to the publishing session state machine")
@covers("SESSION-ATOMIC-17", "it MUST move the session to the error state and report the conflicting file(s)")
def test_a_collision_that_is_found_later_is_in_the_notices(owner: Principal, index: Target) -> None:
    failed = failures.fail_later(owner, failures.collide(owner, index))
    notices = steps.notices(steps.session_status(owner, failed.session))
    assert any(failed.artifact.filename in notice for notice in notices), f"no notice names the file: {notices}"


@covers("SESSION-ATOMIC-18", "where the failure is attributable to a particular file, in that file's notices")
def test_a_collision_that_is_found_later_is_in_the_notices_of_the_file(owner: Principal, index: Target) -> None:
    failures.require_blame(owner, index)
