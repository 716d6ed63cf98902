"""A release goes into a session: all of it, verified, and nothing else."""

from __future__ import annotations

from collections import Counter
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from tests.client.upload_server import DROP, problem, reply

from hatch_staged.client.progress import Silent
from hatch_staged.client.publication import Step
from hatch_staged.client.staging import stage
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
        self.notices: list[str] = []

    def planned(self, plan: Plan) -> None:  # noqa: D102 # see the class
        self.plans.append(plan)

    def started(self, artifact: Artifact) -> None:  # noqa: D102 # see the class
        self.begun.append(artifact.filename)

    def advanced(self, artifact: Artifact, n_bytes: int) -> None:  # noqa: D102 # see the class
        self.sent[artifact.filename] += n_bytes

    def finished(self, artifact: Artifact) -> None:  # noqa: D102 # see the class
        self.done.append(artifact.filename)

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


@pytest.mark.parametrize("deferred", [0, 1])
def test_a_refused_file_is_named_with_the_reason_and_removed(
    index: UploadServer, client: Client, make_release: MakeRelease, deferred: int
) -> None:
    index.deferred_files = deferred
    index.refused[SDIST] = "it is\x07 ugly"

    with pytest.raises(StagedError, match=rf"^{SDIST}: .*it is  ?ugly"):
        stage(make_release(), client, jobs=1, reporter=Silent())

    assert index.removed == [SDIST]
    assert index.status == "open", "the session stays, for the next attempt"


def test_a_refusal_without_a_reason(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    index.deferred_files = 1
    index.refused[WHEEL] = ""

    with pytest.raises(StagedError, match=f"^{WHEEL}: .* error: it gave no reason"):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())


def test_a_file_that_somebody_canceled_meanwhile(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    index.deferred_files = 1
    index.script("GET", "/f/", index.file_status(index.add_file("any"), 200, state="canceled"))
    index.files.clear()
    index.script("GET", "/s$", reply(200, index.session()), reply(200, index.session()))

    with pytest.raises(StagedError, match=f"^{WHEEL}: .* canceled: it gave no reason"):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())


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
    release = make_release(*(f"foo-1.0-{build}-py3-none-any.whl" for build in range(6)))
    both_running = Barrier(2, timeout=10)

    def send(_client: Client, _file: FileUploadSession, artifact: Artifact, progress: Callable[[int], None]) -> None:
        both_running.wait()
        if artifact is release.artifacts[0]:
            raise StagedError("this one fails")
        while True:
            progress(0)

    with pytest.raises(StagedError, match=r"^foo-1\.0-0-py3-none-any\.whl: this one fails"):
        stage(release, client, jobs=2, reporter=Silent(), senders={"http-post-bytes": send})

    assert sorted(index.removed) == [artifact.filename for artifact in release.artifacts[:2]]
    assert len(index.asked("POST", "/u$")) == 2, "the others never began"


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
    index.script(
        "GET", "^/stage/", problem(404, "None yet"), reply(200, {**page, "files": [other]}, "application/json")
    )

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


def test_a_session_that_ends_meanwhile(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    index.script("POST", "/u$", problem(404, "No such session"))

    with pytest.raises(StageGoneError):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())


def test_an_index_that_drops_the_connection_in_the_middle(
    index: UploadServer, client: Client, make_release: MakeRelease, pauses: Pauses
) -> None:
    index.script("POST", "/b/", DROP)

    with pytest.raises(UnreachableError, match=WHEEL):
        stage(make_release(WHEEL), client, jobs=1, reporter=Silent())

    assert pauses == [], "nobody knows what arrived"
    assert index.removed == [WHEEL]


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
