"""PEP 694, "Atomic Publication and Conflicts"."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from hatch_staged.conformance import deferral, failures, legacy, simple, steps
from hatch_staged.conformance.requirements import covers

if TYPE_CHECKING:
    from hatch_staged.conformance.artifacts import Artifact, Release
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
    assert state == "published", f"{state} after concurrent publish requests"
    _require_public(owner, root, release, artifact)


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
    winners += [staged] if state == "published" else []
    assert len(winners) == 1, f"of {_RACERS} files with the same name, {len(winners)} were taken"
    _require_public(owner, root, release, winners[0])


@covers("SESSION-ATOMIC-04", "The authoritative conflict check is therefore performed atomically at publish time.")
def test_a_conflict_that_came_after_the_upload_is_found_by_the_publication(owner: Principal, index: Target) -> None:
    doomed = failures.collide(owner, index)
    answer = owner.post(doomed.session.publish)
    state = steps.session_state(owner, doomed.session)
    assert state in {"open", "error"}, f"{state} although {doomed.artifact.filename} was published before: {answer}"
    if index.simple is not None:
        _require_public(owner, index.simple, doomed.release, doomed.rival)


@covers("SESSION-ATOMIC-05", "the server MUST atomically reserve the filenames of all files in the session")
@covers("SESSION-ATOMIC-08", "whether through this API or the legacy API -- MUST be rejected with a 409 Conflict")
@covers("SESSION-ATOMIC-09", "regardless of which upload path the conflicting request arrives through")
def test_every_file_name_is_reserved_from_the_legacy_api_during_the_publication(
    owner: Principal, index: Target
) -> None:
    url = index.require_legacy()
    release = failures.second_version(owner, index)
    session = steps.open_session(owner, index.root, release)
    for tag in _TAGS[:2]:
        steps.stage(owner, session, release.wheel(tag))
    deferral.publish(owner, session)
    for tag in _TAGS[:2]:
        rival = release.wheel(tag, content="rival")
        answer = deferral.meanwhile(owner, session.url, partial(legacy.upload, owner, url, release, rival))
        assert answer.status == 409, f"{rival.filename} is not reserved during its publication: {answer}"


@covers("SESSION-ATOMIC-08", "whether through this API or the legacy API -- MUST be rejected with a 409 Conflict")
@covers("SESSION-ATOMIC-09", "regardless of which upload path the conflicting request arrives through")
def test_a_file_name_is_reserved_from_this_api_during_the_publication(
    owner: Principal, session: Session, release: Release
) -> None:
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    rival = release.wheel(content="rival")
    answer = deferral.meanwhile(owner, session.url, lambda: owner.post(session.upload, rival.request()))
    assert answer.status == 409, f"{rival.filename} is not reserved during its publication: {answer}"


@covers("SESSION-ATOMIC-06", "hold that reservation for the duration of the publish.")
def test_a_file_name_is_reserved_until_the_publication_ends(owner: Principal, index: Target) -> None:
    url = index.require_legacy()
    release = failures.second_version(owner, index)
    session = steps.open_session(owner, index.root, release)
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    for attempt in range(_RACERS):
        rival = release.wheel(content=f"rival {attempt}")
        # Once it is published, the name is taken for good.
        answer = legacy.upload(owner, url, release, rival)
        assert answer.refused, f"{rival.filename} is not reserved during its publication: {answer}"
        if steps.session_status(owner, session)["status"] != "processing":
            break
    state = steps.session_state(owner, session)
    assert state == "published", f"{state} although its file names were reserved"


@covers("SESSION-ATOMIC-07", "this reservation covers exactly the fully uploaded files that the session will publish")
def test_other_file_names_are_not_reserved_during_the_publication(owner: Principal, index: Target) -> None:
    url = index.require_legacy()
    release = failures.second_version(owner, index)
    session = steps.open_session(owner, index.root, release)
    deleted = release.sdist()
    steps.delete(owner, steps.stage(owner, session, deleted))
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    for artifact in (deleted, release.wheel(_TAGS[1])):
        answer = legacy.upload(owner, url, release, artifact)
        assert answer.status != 409, f"{artifact.filename} is reserved although it is not published: {answer}"
    state = steps.session_state(owner, session)
    assert state == "published", f"{state} after an upload of another file of the release"


@covers("SESSION-ATOMIC-10", "the reserved files remain staged and MUST NOT become publicly visible until")
def test_reserved_files_are_not_public_before_the_publication_succeeds(
    owner: Principal, index: Target, session: Session, release: Release
) -> None:
    root = index.require_simple()
    steps.stage(owner, session, release.wheel())
    deferral.publish(owner, session)
    for _ in range(_MOST_LOOKS):
        public = simple.files(owner, root, release.project)
        if steps.session_status(owner, session)["status"] != "processing":
            break
        assert not public, f"public before the session is published: {sorted(public)}"
        if session.stage is not None:
            staged = simple.files(owner, session.stage, release.project)
            assert release.wheel().filename in staged or not _is_processing(owner, session), "no longer staged"
    steps.session_state(owner, session)
    _require_public(owner, root, release, release.wheel())


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
        _require_public(owner, index.simple, release, release.wheel())


@covers("SESSION-ATOMIC-12", "the server MUST release the reservation, making those filenames available again.")
def test_file_names_are_available_again_after_a_publication_that_failed(owner: Principal, index: Target) -> None:
    doomed = failures.exhaust_quota(owner, index)
    owner.post(doomed.session.publish)
    steps.session_state(owner, doomed.session)
    steps.cancel(owner, doomed.session)
    again = steps.open_session(owner, index.root, doomed.release)
    steps.stage(owner, again, doomed.release.wheel())
    steps.publish(owner, again)


@covers("SESSION-ATOMIC-12", "the server MUST release the reservation, making those filenames available again.")
def test_the_legacy_api_gets_a_file_name_after_a_publication_that_failed(owner: Principal, index: Target) -> None:
    url = index.require_legacy()
    doomed = failures.doom(owner, index)
    other = doomed.release.sdist()
    steps.stage(owner, doomed.session, other)
    owner.post(doomed.session.publish)
    state = steps.session_state(owner, doomed.session)
    assert state in {"open", "error"}, f"{state} after a publication that has to fail"
    answer = legacy.upload(owner, url, doomed.release, other)
    assert answer.ok, f"{other.filename} is still reserved after a publication that failed: {answer}"


@covers("SESSION-ATOMIC-13", "A still-open session does not reserve its filenames")
def test_an_open_session_does_not_reserve_its_file_names(owner: Principal, index: Target) -> None:
    url = index.require_legacy()
    release = failures.second_version(owner, index)
    session = steps.open_session(owner, index.root, release)
    steps.stage(owner, session, release.wheel())
    answer = legacy.upload(owner, url, release, release.wheel(content="rival"))
    assert answer.ok, f"an open session keeps a file name from the legacy API: {answer}"


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
    failed = failures.fail_later(owner, failures.collide(owner, index))
    entry = steps.staged_files(owner, failed.session)[failed.artifact.filename]
    assert any(notice.strip() for notice in steps.notices(entry)), f"no notice of the file says why: {entry}"


def _is_processing(owner: Principal, session: Session) -> bool:
    return bool(steps.session_status(owner, session)["status"] == "processing")


def _require_public(owner: Principal, root: str, release: Release, artifact: Artifact) -> None:
    """Fail unless the artifact is public, once, with its bytes."""
    public = simple.files(owner, root, release.project)
    assert artifact.filename in public, f"{artifact.filename} is not among the published: {sorted(public)}"
    data = simple.download(owner, public[artifact.filename])
    assert data == artifact.data, f"{artifact.filename} is public with other bytes"
    page = simple.page(owner, root, release.project)
    if page.media_type.endswith("json"):
        names = [entry["filename"] for entry in page.json()["files"]]
        assert len(names) == len(set(names)), f"published more than once: {names}"
