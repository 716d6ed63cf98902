"""What an index may do, and few do: a release is staged and published all the same, or it is told why not."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.client.upload_server import Reply, UploadServer, problem

from hatch_staged.client.progress import Silent
from hatch_staged.client.publication import Step
from hatch_staged.client.staging import stage
from hatch_staged.errors import NotAllowedError
from hatch_staged.protocol.states import SessionState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.client.conftest import MakeRelease, Pauses
    from tests.client.upload_server import Seen

    from hatch_staged.client.artifacts import Release
    from hatch_staged.client.upload_api import Client

    Change = Callable[[Seen, Reply], Reply]

WHEEL = "foo-1.0-py3-none-any.whl"
SDIST = "foo-1.0.tar.gz"
#: What the keys of these mappings name is for the index to say, so that one that nobody knows has a meaning.
MAPPINGS = {"files", "hashes"}


class UnusualServer(UploadServer):
    """An index that says everything in its own way."""

    def __init__(self) -> None:
        super().__init__()
        #: made of each answer, one after the other
        self.changes: list[Change] = []

    def answer(self, seen: Seen) -> Reply:
        """Return what the changes make of an answer."""
        made = super().answer(replace(seen, path=seen.path.partition("?")[0]))
        for change in self.changes:
            made = change(seen, made)
        return made


@pytest.fixture
def index() -> Iterator[UnusualServer]:
    """Run it, in the place of the obliging one."""
    with UnusualServer() as server:
        yield server


def with_body(made: Reply, body: bytes) -> Reply:
    return replace(made, body=body)


def with_headers(made: Reply, **headers: str) -> Reply:
    return replace(made, headers={**made.headers, **{name.replace("_", "-"): value for name, value in headers.items()}})


def unknown_keys(_seen: Seen, made: Reply) -> Reply:
    """Say more than anybody has asked for, at every place."""

    def more(value: Any, name: str = "") -> Any:
        if isinstance(value, list):
            return [more(each) for each in value]
        if not isinstance(value, dict):
            return value
        inner = {each: more(found, each) for each, found in value.items()}
        return inner if name in MAPPINGS else {"_us": [{"color": None}], "x-new": 1, **inner, "newer": {"api": "2.7"}}

    return with_body(made, json.dumps(more(json.loads(made.body))).encode()) if made.body.startswith(b"{") else made


def another_host(_seen: Seen, made: Reply) -> Reply:
    """Lead to another name of this machine, another origin, with every URL."""
    moved = {name: value.replace("127.0.0.1", "localhost") for name, value in made.headers.items()}
    body = made.body if made.body.startswith(b"PK") else made.body.replace(b"127.0.0.1", b"localhost")
    return replace(made, body=body, headers=moved)


def a_query_behind_each_url(seen: Seen, made: Reply) -> Reply:
    """Have URLs that say everything behind the question mark, and insist on it."""
    if "/odd/" in seen.path and not seen.path.endswith("?by=us&n=1"):
        return problem(404, "Nothing here")
    told = json.loads(made.body) if made.body.startswith(b"{") else {}

    def marked(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: marked(inner) for name, inner in value.items()}
        return f"{value}?by=us&n=1" if isinstance(value, str) and "/odd/" in value else value

    headers = {name: marked(value) for name, value in made.headers.items()}
    return replace(made, headers=headers, body=json.dumps(marked(told)).encode() if told else made.body)


def an_end_after_each_answer(_seen: Seen, made: Reply) -> Reply:
    return with_headers(made, Connection="close")


def compression(seen: Seen, made: Reply) -> Reply:
    accepted = "gzip" in seen.headers.get("accept-encoding", "")
    return with_headers(with_body(made, gzip.compress(made.body)), Content_Encoding="gzip") if accepted else made


def parameters_of_media_types(_seen: Seen, made: Reply) -> Reply:
    kind = made.headers.get("Content-Type")
    return with_headers(made, Content_Type=f"{kind.upper()} ; charset=utf-8") if kind else made


def no_word_of_when_to_ask_again(_seen: Seen, made: Reply) -> Reply:
    return replace(made, headers={name: value for name, value in made.headers.items() if name != "Retry-After"})


def dates_of_when_to_ask_again(_seen: Seen, made: Reply) -> Reply:
    return with_headers(made, Retry_After="Sun, 22 Nov 2026 12:00:05 GMT") if "Retry-After" in made.headers else made


def bytes_without_an_answer(seen: Seen, made: Reply) -> Reply:
    return Reply(204) if made.status == 200 and "/b/" in seen.path else made


def bytes_that_make_something(seen: Seen, made: Reply) -> Reply:
    return Reply(201, b"thanks", {"Content-Type": "text/plain"}) if made.status == 200 and "/b/" in seen.path else made


CHANGES = [
    unknown_keys,
    another_host,
    a_query_behind_each_url,
    an_end_after_each_answer,
    compression,
    parameters_of_media_types,
    no_word_of_when_to_ask_again,
    dates_of_when_to_ask_again,
    bytes_without_an_answer,
    bytes_that_make_something,
]


def whole_life(index: UploadServer, client: Client, release: Release) -> None:
    """Stage twice, and publish."""
    outcome = stage(release, client, jobs=4, reporter=Silent())

    assert {name: file.content for name, file in index.files.items()} == {
        artifact.filename: artifact.path.read_bytes() for artifact in release.artifacts
    }
    assert {file.status for file in index.files.values()} == {"completed"}
    assert index.status == "open"
    sent = len(index.asked("POST", "/b/"))
    again = stage(release, client, jobs=4, reporter=Silent())
    assert len(index.asked("POST", "/b/")) == sent or not index.previews
    assert again.session.links == outcome.session.links
    assert client.publish(again.session).status is SessionState.PUBLISHED
    assert index.status == "published"
    # "All endpoints in this specification MUST use standard HTTP authentication", wherever they are
    assert all("authorization" in seen.headers for seen in index.seen if seen.path.startswith(("/api/", "/odd/")))


@pytest.mark.parametrize("deferred", [0, 2])
@pytest.mark.parametrize("change", CHANGES)
def test_another_way_to_say_it(
    index: UnusualServer, client: Client, make_release: MakeRelease, change: Change, deferred: int
) -> None:
    index.changes = [change]
    index.deferred_files = index.deferred_publish = deferred
    whole_life(index, client, make_release())


def test_all_other_ways_at_once(index: UnusualServer, client: Client, make_release: MakeRelease) -> None:
    index.changes = [change for change in CHANGES if change is not no_word_of_when_to_ask_again]
    index.deferred_files = index.deferred_publish = 3
    whole_life(index, client, make_release(*(f"foo-1.0-{build}-py3-none-any.whl" for build in range(9))))


@pytest.mark.parametrize(
    "attributes",
    [
        {"previews": False},
        {"extensions": False},
        {"previews": False, "extensions": False, "notices": [], "mechanisms": ["http-post-bytes"]},
        {"mechanisms": [*(f"vnd-acme-{number}" for number in range(50)), "http-post-bytes", "vnd-acme-last"]},
        {"nested_mechanism": True},
        {"serial": True},
        {"serial": True, "deferred_files": 3},
        {"join_status": 200},
        {"notices": ["a notice", "\x1b[2J\x1b]0;owned\x07", "", "long " * 10_000]},
        {"deferred_files": 9, "deferred_publish": 9},
    ],
)
def test_more_or_less_than_others(
    index: UnusualServer, client: Client, make_release: MakeRelease, attributes: dict[str, object]
) -> None:
    for name, value in attributes.items():
        assert hasattr(index, name)
        setattr(index, name, value)
    whole_life(index, client, make_release())


def test_hundreds_of_files_of_somebody_else(index: UnusualServer, client: Client, make_release: MakeRelease) -> None:
    """In all states that there are, and one without a name that we know."""
    release = make_release()
    states = ["completed", "pending", "processing", "error"]
    foreign = {f"foo-1.0-{build}-cp310-abi3-win32.whl": states[build % 4] for build in range(600)}
    foreign["foo-1.0.rpm"] = "completed"
    for name, status in foreign.items():
        index.add_file(name, status=status, looks=10**6)

    outcome = stage(release, client, jobs=4, reporter=Silent())

    assert outcome.plan.foreign == tuple(sorted(foreign))
    assert {decision.step for decision in outcome.plan.decisions} == {Step.UPLOAD}
    assert index.removed == []
    assert {name: file.status for name, file in index.files.items()} == {
        **foreign,
        WHEEL: "completed",
        SDIST: "completed",
    }


@pytest.mark.parametrize("first", range(2, 10))
def test_nothing_is_allowed_any_more(
    index: UnusualServer, client: Client, make_release: MakeRelease, pauses: Pauses, first: int
) -> None:
    """From the request of this number on: nobody insists, and when it is allowed again, the same command goes on."""

    def refuse(_seen: Seen, made: Reply) -> Reply:
        return made if len(index.seen) < first else problem(403, "Not you", detail="You have been removed from foo.")

    index.changes = [refuse]
    release = make_release()

    with pytest.raises(NotAllowedError, match="removed from foo") as caught:
        stage(release, client, jobs=1, reporter=Silent())

    assert caught.value.exit_code == 4
    assert pauses == []
    in_vain = Counter((seen.method, seen.path) for seen in index.seen[first - 1 :])
    assert len(in_vain) <= 3, "what was asked, and what cleans up"
    assert set(in_vain.values()) <= {1, 2}

    index.changes = []
    stage(release, client, jobs=1, reporter=Silent())
    assert {name: file.content for name, file in index.files.items()} == {
        artifact.filename: artifact.path.read_bytes() for artifact in release.artifacts
    }
    assert not index.asked("POST", "/p$")
