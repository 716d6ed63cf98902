"""A release goes into a session: all of it, verified, and nothing else."""

from __future__ import annotations

import json
import signal
from collections import Counter
from threading import Barrier, Event, Lock
from typing import TYPE_CHECKING

import pytest
from tests.client.upload_server import DROP, LOSE, File, Reply, problem, reply

from hatch_staged.client.lanes import StoppedError
from hatch_staged.client.progress import Silent
from hatch_staged.client.publication import Step
from hatch_staged.client.reconciliation import LOOKS
from hatch_staged.client.sending import by_http_post_bytes
from hatch_staged.client.staging import OnInterrupt, stage
from hatch_staged.errors import (
    ConflictError,
    ProtocolError,
    StagedError,
    StageGoneError,
    UnreachableError,
    WrongBytesError,
)
from hatch_staged.protocol.states import FileState, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.client.conftest import MakeRelease, Pauses
    from tests.client.upload_server import UploadServer

    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.client.publication import Plan
    from hatch_staged.client.upload_api import Client
    from hatch_staged.protocol.messages import FileUploadSession

WHEEL = "foo-1.0-py3-none-any.whl"
SDIST = "foo-1.0.tar.gz"


class Recorder:
    """A reporter that remembers; the methods are documented at `Reporter`."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.begun: list[str] = []
        self.done: list[str] = []
        self.sent: Counter[str] = Counter()
        self.gone: list[str] = []
        self.notices: list[str] = []

    def planned(self, plan: Plan) -> None:  # noqa: D102 # see the class
        self.plans.append(plan)

    def started(self, artifact: Artifact) -> None:  # noqa: D102 # see the class
        self.begun.append(artifact.filename)

    def advanced(self, artifact: Artifact, n_bytes: int) -> None:  # noqa: D102 # see the class
        self.sent[artifact.filename] += n_bytes

    def finished(self, artifact: Artifact) -> None:  # noqa: D102 # see the class
        self.done.append(artifact.filename)

    def deleted(self, filename: str) -> None:  # noqa: D102 # see the class
        self.gone.append(filename)

    def notice(self, text: str) -> None:  # noqa: D102 # see the class
        self.notices.append(text)


def test_a_release_is_staged_and_not_published(
    index: UploadServer, client: Client, make_release: MakeRelease, pauses: Pauses
) -> None:
    release = make_release(payload=b"x" * 700_000)
    index.notices = ["be\x1b[31m quick"]
    reporter = Recorder()

    outcome = stage(release, client, jobs=2, reporter=reporter)

    for artifact in release.artifacts:
        assert index.files[artifact.filename].content == artifact.path.read_bytes()
        assert reporter.sent[artifact.filename] == artifact.size
    assert sorted(reporter.begun) == sorted(reporter.done) == [WHEEL, SDIST]
    assert reporter.notices == ["be [31m quick"]
    assert outcome.session.status is SessionState.OPEN
    assert outcome.page is not None
    assert {file.url for file in outcome.page.files} == {
        f"{index.origin}/files/{file.number}/{name}" for name, file in index.files.items()
    }
    assert outcome.plan is reporter.plans[0]
    assert not index.asked("POST", "/p$")
    assert pauses == []


def test_many_files_at_once(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    release = make_release(*(f"foo-1.0-{build}-py3-none-any.whl" for build in range(20)))

    stage(release, client, jobs=4, reporter=Silent())

    assert index.files.keys() == {artifact.filename for artifact in release.artifacts}


@pytest.mark.parametrize("join_status", [200, 409])
def test_a_session_is_joined_and_only_what_differs_is_sent(
    index: UploadServer, client: Client, make_release: MakeRelease, join_status: int
) -> None:
    release = make_release()
    index.join_status = join_status
    index.add_file(WHEEL, release.artifacts[0].path.read_bytes())
    index.add_file(SDIST, b"an older build")
    index.add_file("foo-1.0-cp310-abi3-win32.whl", b"of somebody else")

    outcome = stage(release, client, jobs=1, reporter=Silent())

    assert [(decision.artifact.filename, decision.step) for decision in outcome.plan.decisions] == [
        (WHEEL, Step.KEEP),
        (SDIST, Step.REPLACE),
    ]
    assert outcome.plan.foreign == ("foo-1.0-cp310-abi3-win32.whl",)
    assert index.removed == [SDIST]
    assert index.files[SDIST].content == release.artifacts[1].path.read_bytes()


@pytest.mark.parametrize("status", ["pending", "error"])
def test_what_an_earlier_run_left_is_replaced(
    index: UploadServer, client: Client, make_release: MakeRelease, status: str
) -> None:
    release = make_release(WHEEL)
    index.add_file(WHEEL, b"half", status=status)

    stage(release, client, jobs=1, reporter=Silent())

    assert index.removed == [WHEEL]
    assert index.files[WHEEL].status == "completed"


def test_a_file_that_the_index_is_deciding_about_is_waited_for(
    index: UploadServer, client: Client, make_release: MakeRelease, pauses: Pauses
) -> None:
    release = make_release(WHEEL)
    index.add_file(WHEEL, release.artifacts[0].path.read_bytes(), status="processing", looks=4)

    outcome = stage(release, client, jobs=1, reporter=Silent())

    assert [decision.step for decision in outcome.plan.decisions] == [Step.KEEP]
    assert pauses == [3, 3], "as the index asks with Retry-After"


def test_an_index_without_previews_cannot_tell_what_it_has_so_all_is_sent(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    release = make_release(WHEEL)
    index.previews = False
    index.add_file(WHEEL, release.artifacts[0].path.read_bytes())

    outcome = stage(release, client, jobs=1, reporter=Silent())

    assert outcome.page is None
    assert outcome.session.session_token is None
    assert index.removed == [WHEEL]
    assert index.files[WHEEL].status == "completed"


@pytest.mark.parametrize("nested", [False, True])
def test_deferred_completion(
    index: UploadServer, client: Client, make_release: MakeRelease, pauses: Pauses, *, nested: bool
) -> None:
    release = make_release(WHEEL)
    index.deferred_files = 3
    index.nested_mechanism = nested

    outcome = stage(release, client, jobs=1, reporter=Silent())

    assert outcome.session.files[WHEEL].status is FileState.COMPLETED
    assert pauses == [7, 1, 1]


@pytest.mark.parametrize(("deferred", "times"), [(0, 1), (1, 2)])
def test_a_refused_file_is_named_with_the_reason_and_removed(
    index: UploadServer, client: Client, make_release: MakeRelease, deferred: int, times: int
) -> None:
    """A refusal that comes later may be due to what happened to the bytes on the way: they are sent once more."""
    index.deferred_files = deferred
    index.refused[SDIST] = "it is\x07 ugly"

    with pytest.raises(StagedError, match=rf"^{SDIST}: .*it is  ?ugly"):
        stage(make_release(), client, jobs=1, reporter=Silent())

    assert index.removed == [SDIST] * times
    assert index.status == "open", "the session stays, for the next attempt"


def test_a_file_in_error_is_deleted_and_sent_anew(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    release = make_release(WHEEL)
    index.deferred_files = 1
    index.script("GET", "/f/1$", index.file_status(File("", {}, 0, 1), 200, state="error"))
    reporter = Recorder()

    stage(release, client, jobs=1, reporter=reporter)

    assert index.removed == [WHEEL]
    assert len(index.asked("POST", "/b/")) == 2
    assert reporter.sent[WHEEL] == release.artifacts[0].size
    assert reporter.notices == [
        f"{WHEEL}: the index refused the file, its state is error: it gave no reason; it is sent again"
    ]


def test_a_refusal_without_a_reason(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    index.deferred_files = 1
    index.refused[WHEEL] = ""

    with pytest.raises(StagedError, match=f"^{WHEEL}: .* error: it gave no reason"):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [("POST", "/b/1$", 404), ("POST", "/c/1$", 409), ("GET", "/f/1$", 0)],
)
def test_who_loses_a_file_to_another_machine_waits_for_its_upload_and_keeps_it(
    index: UploadServer, client: Client, make_release: MakeRelease, *, method: str, path: str, answer: int
) -> None:
    release = make_release(WHEEL)
    canceled = index.file_status(File("", {}, 0, 1), 200, state="canceled")
    index.deferred_files = 0 if answer else 1

    def displace() -> None:
        index.deferred_files = 0
        index.add_file(WHEEL, release.artifacts[0].path.read_bytes(), status="processing", looks=3)

    index.script(method, path, problem(answer, "Not yours") if answer else canceled, then=displace)
    index.script("GET", "/f/1$", canceled)
    reporter = Recorder()

    outcome = stage(release, client, jobs=1, reporter=reporter)

    assert outcome.session.files[WHEEL].status is FileState.COMPLETED
    assert index.removed == []
    assert len(index.asked("POST", "/u$")) == 1
    assert reporter.sent[WHEEL] == 0
    assert reporter.notices == [f"somebody else uploads the same files: {WHEEL}"]


def test_a_file_that_another_machine_has_begun_is_waited_for(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    release = make_release(WHEEL)
    content = release.artifacts[0].path.read_bytes()
    index.script(
        "POST",
        "/u$",
        problem(409, "There"),
        then=lambda: index.add_file(WHEEL, content, status="processing", looks=3),
    )

    stage(release, client, jobs=1, reporter=Silent())

    assert not index.asked("POST", "/b/")


def test_a_file_that_another_machine_has_completed_for_us(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    release = make_release(WHEEL)

    def complete() -> None:
        index.files[WHEEL].content = release.artifacts[0].path.read_bytes()
        index.files[WHEEL].status = "completed"

    index.script("POST", "/b/1$", problem(409, "It is completed"), then=complete)

    stage(release, client, jobs=1, reporter=Silent())

    assert index.removed == []
    assert len(index.asked("POST", "/u$")) == 1


def test_a_file_that_was_in_processing_a_moment_ago_is_replaced(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    release = make_release(WHEEL)
    index.add_file(WHEEL, b"of another machine")
    index.script("DELETE", "/f/1$", problem(409, "Not in this state"))

    stage(release, client, jobs=1, reporter=Silent())

    assert index.files[WHEEL].content == release.artifacts[0].path.read_bytes()


def test_a_page_that_was_read_while_a_file_was_replaced(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    release = make_release(WHEEL)
    index.script("GET", "/foo/$", *[problem(404, "No page yet")] * 2)

    outcome = stage(release, client, jobs=1, reporter=Silent())

    assert outcome.page is not None
    assert len(index.asked("POST", "/b/")) == 1


def test_a_file_that_another_machine_is_just_replacing_is_not_sent_again(
    index: UploadServer, client: Client, make_release: MakeRelease, pauses: Pauses
) -> None:
    release = make_release(WHEEL)
    content = release.artifacts[0].path.read_bytes()
    completed = index.file_status(File("", {}, 0, 1), 200, state="completed")
    index.script("POST", "/c/1$", completed, then=index.files.clear)
    index.script("GET", "/foo/$", problem(404, "No page yet"), then=lambda: index.add_file(WHEEL, content))

    outcome = stage(release, client, jobs=1, reporter=Silent())

    assert outcome.session.files[WHEEL].status is FileState.COMPLETED
    assert len(index.asked("POST", "/u$")) == 1
    assert pauses == [0.5]


def test_what_another_machine_never_completes_is_taken_over(
    index: UploadServer, client: Client, make_release: MakeRelease, pauses: Pauses
) -> None:
    release = make_release(WHEEL)
    index.script("POST", "/u$", problem(409, "There"), then=lambda: index.add_file(WHEEL, b"half", status="pending"))

    stage(release, client, jobs=1, reporter=Silent())

    assert index.removed == [WHEEL]
    assert sum(pauses[1:]) == 120
    assert index.files[WHEEL].status == "completed"


def test_a_file_that_is_already_public_is_a_conflict(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    index.script("POST", "/u$", problem(409, f"{WHEEL} has been published"))

    with pytest.raises(ConflictError, match=f"^{WHEEL}: .*has been published") as caught:
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())

    assert caught.value.exit_code == 5
    assert index.files == {}


def test_what_cannot_be_cleaned_up_is_told_and_does_not_hide_the_first_error(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    index.script("POST", "/b/", problem(413, "Too large"))
    index.script("DELETE", "/f/", problem(403, "Not you"))
    reporter = Recorder()

    with pytest.raises(StagedError, match="Too large"):
        stage(make_release(WHEEL), client, jobs=1, reporter=reporter)

    (notice,) = reporter.notices
    assert notice.startswith(f"{WHEEL} is left in the session")
    assert "Not you" in notice
    assert reporter.done == []


def test_one_failure_stops_the_uploads_beside_it(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    release = make_release(*(f"foo-1.0-{build}-py3-none-any.whl" for build in range(8)))
    first, second_runs = Lock(), Event()

    def send(_client: Client, _file: FileUploadSession, _artifact: Artifact, progress: Callable[[int], None]) -> None:
        if first.acquire(blocking=False):
            assert second_runs.wait(10)
            raise StagedError("this one fails")
        second_runs.set()
        while True:
            progress(0)

    reporter = Recorder()
    with pytest.raises(StagedError, match=r"^foo-1\.0-.*\.whl: this one fails"):
        stage(release, client, jobs=2, reporter=reporter, senders={"http-post-bytes": send})

    assert len(reporter.begun) <= 3, "one may take the turn of the one that failed, the others never began"
    assert len(index.asked("POST", "/u$")) <= 6, "some were created meanwhile"
    assert index.files == {}


@pytest.mark.parametrize("status", ["processing", "published", "canceled"])
def test_a_session_that_takes_no_files_is_a_conflict(
    index: UploadServer, client: Client, make_release: MakeRelease, status: str
) -> None:
    index.status = status
    index.script("POST", "/2.0/$", reply(409, {}, Location="/odd/place/s"))

    with pytest.raises(ConflictError, match=f"its session is {status}"):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())

    assert not index.asked("POST", "/u$")


def test_a_session_whose_publication_failed_takes_files(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    index.status = "error"

    stage(make_release(WHEEL), client, jobs=1, reporter=Silent())

    assert index.files[WHEEL].status == "completed"


def test_the_stage_is_read_back(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    release = make_release(WHEEL)
    page = {"meta": {"api-version": "1.0"}, "name": "foo"}
    other = {"filename": WHEEL, "url": "f", "hashes": {"sha256": "00"}}
    listed = reply(200, {**page, "files": [other]}, "application/json")
    index.script("GET", "^/stage/", problem(404, "None yet"), *[listed] * LOOKS)

    with pytest.raises(WrongBytesError, match=WHEEL):
        stage(release, client, jobs=1, reporter=Silent())


def test_a_stage_without_hashes_proves_nothing(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    index.hashes_listed = False

    with pytest.raises(ProtocolError, match="without a hash"):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())


def test_an_index_without_a_common_mechanism_gets_nothing(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    index.mechanisms = ["vnd-acme-pigeon"]

    with pytest.raises(ProtocolError, match="vnd-acme-pigeon, we have http-post-bytes"):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())


def expire(index: UploadServer) -> None:
    index.files.clear()
    index.status = None


def test_a_session_that_expires_meanwhile_is_created_anew(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    release = make_release()
    index.script("POST", "/b/2$", problem(404, "No such file"), then=lambda: expire(index))
    index.script("GET", "/s$", *[problem(404, "No such session")] * 2)
    reporter = Recorder()

    outcome = stage(release, client, jobs=1, reporter=reporter)

    assert outcome.session.files.keys() == {WHEEL, SDIST}
    assert len(index.asked("POST", "/2.0/$")) == 2
    assert reporter.notices == ["the session of foo 1.0 has expired: all files go into a new one"]


def test_sessions_that_always_expire(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    index.script("POST", "/u$", *[problem(410, "Gone")] * 3, then=lambda: expire(index))
    index.script("GET", "/s$", *[problem(410, "Gone")] * 3)

    with pytest.raises(StageGoneError, match=WHEEL):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())

    assert len(index.asked("POST", "/2.0/$")) == 3


def test_who_cannot_look_whether_the_session_has_expired_is_told_what_happened(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    index.status = "open"
    index.script("POST", "/u$", problem(404, "No such session"))
    # the second look is whether it has
    index.script("GET", "/s$", reply(200, index.session()), problem(403, "Not you"))

    with pytest.raises(StageGoneError, match=WHEEL):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())


@pytest.mark.parametrize(("expires", "times"), [("2026-11-22T11:59:59Z", 2), ("2026-11-23T12:00:00Z", 1)])
def test_a_session_that_is_canceled_before_its_time_stays_canceled(
    index: UploadServer, client: Client, make_release: MakeRelease, expires: str, times: int
) -> None:
    def cancel() -> None:
        index.expires = expires
        index.status = "canceled"

    index.script("POST", "/u$", problem(409, "The session is canceled"), then=cancel)

    try:
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())
        staged = True
    except ConflictError:
        staged = False

    assert len(index.asked("POST", "/2.0/$")) == times
    assert staged is (times == 2)


def test_a_session_that_ends_meanwhile(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    index.script("POST", "/u$", problem(404, "No such session"))

    with pytest.raises(StageGoneError):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())


@pytest.mark.parametrize("answer", [DROP, LOSE, problem(503, "Busy"), problem(429, "Slowly"), problem(500, "Oh")])
def test_bytes_of_which_nobody_knows_whether_they_arrived_go_into_another_file_upload_session(
    index: UploadServer, client: Client, make_release: MakeRelease, pauses: Pauses, answer: Reply
) -> None:
    release = make_release(WHEEL)
    index.script("POST", "/b/", answer, answer)
    reporter = Recorder()

    stage(release, client, jobs=1, reporter=reporter)

    assert pauses == [0.5, 1]
    assert index.removed == [WHEEL, WHEEL]
    assert [seen.path for seen in index.asked("POST", "/b/")] == [f"/odd/place/b/{number}" for number in (1, 2, 3)]
    assert reporter.sent[WHEEL] == release.artifacts[0].size
    assert reporter.begun == reporter.done == [WHEEL]
    assert len(reporter.notices) == 2


def test_a_completion_that_always_fails_leaves_the_file_to_the_next_run(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    index.script("POST", "/c/", *[problem(500, "Oh")] * 8)

    with pytest.raises(UnreachableError, match=f"^{WHEEL}: "):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())

    assert index.removed == []
    stage(make_release(WHEEL), client, jobs=1, reporter=Silent())
    assert index.files[WHEEL].status == "completed"


@pytest.mark.parametrize(
    ("state", "content", "removed"), [("canceled", b"", []), ("processing", b"", []), ("completed", b"old", None)]
)
def test_a_file_that_cannot_be_replaced(
    index: UploadServer,
    client: Client,
    make_release: MakeRelease,
    *,
    state: str,
    content: bytes,
    removed: list[str] | None,
) -> None:
    """What is to be replaced has changed since the plan was made."""
    release = make_release(WHEEL)
    right = release.artifacts[0].path.read_bytes()
    old = index.add_file(WHEEL, content, status="completed" if content else "pending")

    def change() -> None:
        if state == "canceled":
            index.files.clear()
        if state == "processing":
            index.files[WHEEL] = File(WHEEL, old.hashes, len(right), old.number, "processing", right, 3)
            index.files[WHEEL].hashes = dict(release.artifacts[0].hashes)

    index.script("DELETE", "/f/1$", *[problem(409, "Not now")] * (2 if removed is None else 1), then=change)
    if state == "canceled":
        index.script("GET", "/f/1$", index.file_status(old, 200, state="canceled"))

    if removed is None:
        with pytest.raises(ConflictError, match="Not now"):
            stage(release, client, jobs=1, reporter=Silent())
    else:
        stage(release, client, jobs=1, reporter=Silent())
        assert index.removed == removed
        assert index.files[WHEEL].content == right
        assert len(index.asked("POST", "/b/")) == (1 if state == "canceled" else 0)


def test_bytes_that_never_arrive(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    index.script("POST", "/b/", *[DROP] * 9)

    with pytest.raises(UnreachableError, match=f"^{WHEEL}: "):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())

    assert len(index.asked("POST", "/b/")) == 5
    assert index.files[WHEEL].status == "pending", "the next run replaces it"


def test_a_completion_that_never_arrived_is_made_up_for(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    """Something on the way says that it worked: in the end the session counts."""
    index.script("POST", "/c/", Reply(201))
    reporter = Recorder()

    stage(make_release(WHEEL), client, jobs=1, reporter=reporter)

    assert reporter.begun == reporter.done == [WHEEL, WHEEL]
    assert index.removed == [WHEEL]
    assert index.files[WHEEL].status == "completed"


def test_notices_of_files_are_told(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    release = make_release(WHEEL)
    index.add_file(WHEEL, release.artifacts[0].path.read_bytes()).notices.append("a large wheel")
    reporter = Recorder()

    stage(release, client, jobs=1, reporter=reporter)

    assert reporter.notices == [f"{WHEEL}: a large wheel"]


@pytest.mark.parametrize(("refused", "withdrawn"), [("/u$", True), ("/c/2$", False)])
def test_a_new_session_of_which_nothing_came_is_withdrawn(
    index: UploadServer, client: Client, make_release: MakeRelease, refused: str, *, withdrawn: bool
) -> None:
    index.script("POST", refused, problem(409, "published already"))
    with pytest.raises(ConflictError):
        stage(make_release(), client, jobs=1, reporter=Silent())
    assert bool(index.asked("DELETE", "/s$")) is withdrawn


def test_a_session_that_cannot_be_withdrawn_is_told(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    index.script("POST", "/u$", problem(409, "published already"))
    index.script("DELETE", "/s$", problem(403, "no"))
    reporter = Recorder()
    with pytest.raises(ConflictError):
        stage(make_release(), client, jobs=1, reporter=reporter)
    assert any(notice.startswith("an empty session is left") for notice in reporter.notices)


def test_a_session_that_was_joined_stays(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    index.status = "open"
    index.script("POST", "/u$", problem(409, "published already"))
    with pytest.raises(ConflictError):
        stage(make_release(), client, jobs=1, reporter=Silent())
    assert index.status == "open"


def test_while_the_answers_are_awaited_others_send(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    release = make_release(*(f"foo-1.0-{build}-py3-none-any.whl" for build in range(4)))
    all_have_sent = Barrier(4, timeout=10)

    def send(client: Client, file: FileUploadSession, artifact: Artifact, progress: Callable[[int], None]) -> None:
        by_http_post_bytes(client, file, artifact, progress)
        all_have_sent.wait()

    stage(release, client, jobs=2, reporter=Silent(), senders={"http-post-bytes": send})
    assert len(index.files) == 4


def test_an_index_that_takes_one_upload_at_a_time(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    release = make_release(*(f"foo-1.0-{build}-py3-none-any.whl" for build in range(6)))
    index.serial = True
    refused = Event()
    index.when_refused = refused.set

    def send(client: Client, file: FileUploadSession, artifact: Artifact, progress: Callable[[int], None]) -> None:
        # until another one has tried
        assert refused.wait(10)
        by_http_post_bytes(client, file, artifact, progress)

    reporter = Recorder()
    stage(release, client, jobs=2, reporter=reporter, senders={"http-post-bytes": send})

    assert index.removed == []
    assert sorted(reporter.begun) == sorted(reporter.done) == [artifact.filename for artifact in release.artifacts]
    # six at once are too many, two at once are too many
    assert 7 <= len(index.asked("POST", "/u$")) <= 6 + 6, "and then there are no two at once"


def interrupting(
    _client: Client, _file: FileUploadSession, _artifact: Artifact, progress: Callable[[int], None]
) -> None:
    """Press Ctrl-C, and send for ever."""
    signal.raise_signal(signal.SIGINT)
    while True:
        progress(0)


def test_after_an_interrupt_the_user_is_told_what_the_session_holds(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    release = make_release()
    index.add_file(WHEEL, release.artifacts[0].path.read_bytes())

    with pytest.raises(StagedError) as caught:
        stage(release, client, jobs=2, reporter=Silent(), senders={"http-post-bytes": interrupting})

    assert caught.value.what == f"interrupted: the session of foo 1.0 holds {WHEEL} (completed), {SDIST} (pending)"
    assert str(caught.value.hint).startswith("the same command resumes")
    assert index.removed == [], "the next run deletes it"
    stage(release, client, jobs=2, reporter=Silent())
    assert index.removed == [SDIST]
    assert len(index.asked("POST", "/b/")) == 1


def test_after_an_interrupt_nobody_has_to_read_hundreds_of_names(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    for build in range(300):
        index.add_file(f"foo-1.0-{build}-cp310-abi3-win32.whl", status="pending" if build % 3 else "completed")

    with pytest.raises(StagedError, match=r"\), .* and 291 more, 100 of all 301 completed") as caught:
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent(), senders={"http-post-bytes": interrupting})

    assert caught.value.what.count("win32") == 10


def test_an_interrupt_may_cancel(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    senders = {"http-post-bytes": interrupting}

    with pytest.raises(StagedError, match=r"interrupted: the session of foo 1\.0 is canceled"):
        stage(make_release(), client, jobs=1, reporter=Silent(), senders=senders, on_interrupt=OnInterrupt.CANCEL)

    assert index.status == "canceled"


def test_an_interrupt_while_the_index_cannot_be_reached(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    index.script("GET", "/s$", *[DROP] * 8)

    with pytest.raises(StagedError, match="interrupted: the index cannot be reached") as caught:
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent(), senders={"http-post-bytes": interrupting})

    assert str(caught.value.hint).startswith("the same command resumes")


def test_a_second_interrupt_ends_at_once(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    def interrupt() -> None:
        signal.raise_signal(signal.SIGINT)

    index.script("GET", "/s$", DROP, then=interrupt)

    with pytest.raises(KeyboardInterrupt):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent(), senders={"http-post-bytes": interrupting})


def test_a_second_interrupt_ends_at_once_while_the_uploads_are_about_to_stop(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    ended = Event()

    def stuck(_client: Client, _file: FileUploadSession, _artifact: Artifact, progress: Callable[[int], None]) -> None:
        try:
            interrupting(_client, _file, _artifact, progress)
        except StoppedError:
            signal.raise_signal(signal.SIGINT)
            ended.wait(10)
            raise

    try:
        with pytest.raises(KeyboardInterrupt):
            stage(make_release(WHEEL), client, jobs=1, reporter=Silent(), senders={"http-post-bytes": stuck})
    finally:
        ended.set()
    assert not index.asked("GET", "/s$"), "nobody waits for what the session holds"


def test_files_that_are_not_among_the_artifacts_are_deleted_if_the_user_wants_that(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    recorder = Recorder()
    release = make_release(WHEEL)
    index.add_file("foo-1.0-cp310-abi3-win32.whl", b"of somebody else")
    index.add_file("foo-1.0.zip", b"likewise", status="processing", looks=3)

    outcome = stage(release, client, jobs=1, reporter=recorder, prune=True)

    assert outcome.session.files.keys() == {WHEEL}
    assert outcome.plan.foreign == ()
    unwanted = ["foo-1.0-cp310-abi3-win32.whl", "foo-1.0.zip"]
    assert [each.filename for each in outcome.plan.pruned] == recorder.gone == unwanted


@pytest.mark.parametrize("state", ["canceled", "completed"])
def test_a_foreign_file_that_cannot_be_deleted(
    index: UploadServer, client: Client, make_release: MakeRelease, state: str
) -> None:
    index.add_file("foo-1.0.zip")
    index.script("GET", "/f/1$", index.file_status(index.files["foo-1.0.zip"], 200, state=state))
    index.script("DELETE", "/f/1$", problem(409, "Not in this state"), then=index.files.clear)
    release = make_release(WHEEL)

    recorder = Recorder()
    if state == "completed":
        with pytest.raises(ConflictError, match="Not in this state"):
            stage(release, client, jobs=1, reporter=recorder, prune=True)
        assert recorder.gone == []
    else:
        # what has been uploaded went with it, so it is uploaded again
        assert stage(release, client, jobs=1, reporter=recorder, prune=True).session.files.keys() == {WHEEL}
        assert recorder.gone == ["foo-1.0.zip"]


def test_staging_again_sends_nothing(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    release = make_release()
    stage(release, client, jobs=2, reporter=Silent())
    before = len(index.seen)

    stage(release, client, jobs=2, reporter=Silent())

    assert [seen.method for seen in index.seen[before:]] == ["POST", "GET", "GET", "GET", "GET"]
    assert not [seen for seen in index.seen[before:] if "/b/" in seen.path]


def test_a_session_that_would_expire_is_extended(
    index: UploadServer, client: Client, make_release: MakeRelease, pauses: Pauses
) -> None:
    index.expires = "2026-11-22T13:00:00Z"
    index.grants = ["2026-11-22T15:00:00Z", "2026-11-22T16:00:00Z"]

    def send(client: Client, file: FileUploadSession, artifact: Artifact, progress: Callable[[int], None]) -> None:
        for minutes in (50, 120):
            pauses.append(minutes * 60)
            # the answer of the second extension is lost, on its way there: it is asked for again
            index.script("POST", "/e$", *[DROP] * (minutes == 120))
            progress(0)
        by_http_post_bytes(client, file, artifact, progress)

    reporter = Recorder()
    stage(make_release(WHEEL), client, jobs=1, reporter=reporter, senders={"http-post-bytes": send})

    assert [json.loads(seen.body)["extend-for"] for seen in index.asked("POST", "/e$")] == [3600] * 3
    # files, of this index, are not extended
    [notice] = reporter.notices
    assert notice.startswith(f"the upload of {WHEEL} expires at 2026-11-22 13:00 UTC (the index has no extensions)")
