"""An index that is killed in the middle of its work, again and again: nothing acknowledged is lost, nothing is half.

``HATCH_STAGED_CRASHES`` says how often it is killed, by default a few times; ``HATCH_STAGED_SEED`` repeats the moments
of an earlier run, as far as threads can be repeated.
"""

from __future__ import annotations

import hashlib
import os
import random
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from tests.index import uploading
from tests.index.building import Built, build

from hatch_staged.index import expiry, tokens
from hatch_staged.index.core import open_index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CRASHES = int(os.environ.get("HATCH_STAGED_CRASHES", "6"))
SEED = int(os.environ.get("HATCH_STAGED_SEED", str(random.randrange(10**6))))  # noqa: S311 - moments, not secrets
WORKERS = 6
#: The most requests that an index answers before it is killed; a release takes about a dozen.
LONGEST_LIFE = 150
#: in seconds
PATIENCE = 60

SERVE = """
import sys
from pathlib import Path
from hatch_staged.index.server import serve
data, port = Path(sys.argv[1]), int(sys.argv[2])
serve(data_dir=data, host="127.0.0.1", port=port, announce=lambda line: print(line, flush=True))
"""


@dataclass
class Story:
    """What one release was told by the index: only what was acknowledged counts."""

    project: str
    files: list[Built]
    session: dict[str, Any] = field(default_factory=dict)
    completed: set[str] = field(default_factory=set)
    published: bool = False
    #: the one thing that was asked and not answered, "publish" or "cancel"
    open_question: str = ""
    canceled: bool = False


class Load:
    """Workers that stage releases, each its own, and publish or cancel them, until told to stop."""

    def __init__(self, root: str, token: str, seed: int) -> None:
        self.stories: list[Story] = []
        self._root = root
        self._headers = {"Authorization": f"Bearer {token}"}
        self._stopping = threading.Event()
        self._up = threading.Event()
        self._answers = 0
        self._answered = threading.Condition()
        self._faults: list[BaseException] = []
        self._threads = [threading.Thread(target=self._work, args=(number, seed + number)) for number in range(WORKERS)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Work while the block runs; fail if a worker was told what no index may tell."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._up.set()
            for thread in self._threads:
                thread.join(PATIENCE)
        assert not self._faults, self._faults

    def index_is_up(self) -> None:
        """Let the workers begin releases."""
        self._up.set()

    def index_is_down(self) -> None:
        """Let them begin no more."""
        self._up.clear()

    def wait_for_answers(self, number: int) -> None:
        """Return when so many more requests have been answered."""
        with self._answered:
            enough = self._answers + number
            assert self._answered.wait_for(lambda: self._answers >= enough or self._faults, PATIENCE)

    def wait_for_both_ends(self) -> None:
        """Return when a release is published, and another one canceled."""
        with self._answered:
            assert self._answered.wait_for(lambda: all(self.ended().values()) or self._faults, PATIENCE)

    def ended(self) -> dict[str, int]:
        """Return how many releases are known to have come to each end."""
        return {end: sum(getattr(story, end) for story in self.stories) for end in ("published", "canceled")}

    def _count(self, _answer: httpx2.Response) -> None:
        with self._answered:
            self._answers += 1
            self._answered.notify_all()

    def _work(self, number: int, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - likewise
        turn = 0
        try:
            while self._up.wait() and not self._stopping.is_set():
                turn += 1
                story = Story(f"crash-{number}-{turn}", files_of(f"crash_{number}_{turn}", chance))
                self.stories.append(story)
                try:
                    self._release(story, chance)
                except httpx2.TransportError:
                    # The index is gone; whoever began this release never comes back to it.
                    continue
        except BaseException as fault:  # noqa: BLE001 - the test tells of it
            self._faults.append(fault)

    def _release(self, story: Story, chance: random.Random) -> None:
        hooks = {"response": [self._count]}
        with httpx2.Client(headers=self._headers, timeout=PATIENCE, event_hooks=hooks) as client:
            message = {"meta": {"api-version": "2.0"}}
            created = self._post(client, f"{self._root}upload/", {**message, "name": story.project, "version": "1.0"})
            assert created.status_code == 201, created.text
            story.session = created.json()
            for built in story.files:
                file = self._post(client, story.session["links"]["upload"], built.declared())
                assert file.status_code == 202, file.text
                links = file.json()["links"]
                octets = {"Content-Type": "application/octet-stream"}
                sent = client.post(file.json()["mechanism"]["file_url"], content=built.data, headers=octets)
                assert sent.is_success, sent.text
                done = self._post(client, links["complete"], message)
                assert done.is_success, done.text
                if self._settled(client, links["file-upload-session"]) == "completed":
                    story.completed.add(built.filename)
            if chance.random() < 0.3:
                story.open_question = "cancel"
                canceled = client.delete(story.session["links"]["session"])
                assert canceled.is_success, canceled.text
                story.canceled, story.open_question = True, ""
                return
            story.open_question = "publish"
            published = self._post(client, story.session["links"]["publish"], message)
            assert published.is_success, published.text
            assert self._settled(client, story.session["links"]["session"]) == "published"
            story.published, story.open_question = True, ""

    def _settled(self, client: httpx2.Client, url: str) -> str:
        while (state := client.get(url).json()["status"]) == "processing":
            time.sleep(0.02)  # as long as it takes: what polls is the load, not the test
        return str(state)

    def _post(self, client: httpx2.Client, url: str, message: object) -> httpx2.Response:
        return client.post(url, json=message, headers={"Content-Type": "application/vnd.pypi.upload.v2+json"})


def files_of(name: str, chance: random.Random) -> list[Built]:
    """Return two to four distributions; random content keeps them from being alike, and some take time to send."""
    names = [f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.tar.gz", f"{name}-1.0-cp312-none-any.whl"]
    chosen = names[: chance.randint(1, len(names))]
    return [build(each, content=chance.randbytes(chance.choice([100, 200_000]))) for each in chosen]


@contextmanager
def serving(data: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run an index until the block ends, then kill it."""
    command = [sys.executable, "-c", SERVE, str(data), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        assert "Serving" in process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()
            process.wait(PATIENCE)


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param("", id="immediate"),
        pytest.param("immediate-size = 0\nimmediate-files = 0\n", id="deferred"),
    ],
)
def test_nothing_acknowledged_is_lost_and_nothing_is_half(tmp_path: Path, free_port: int, settings: str) -> None:
    data = tmp_path / "index"
    data.mkdir()
    # Whoever is cut off never comes back to the name that was reserved.
    (data / "index.toml").write_text(f"[limits]\nreserved-names = 1000000\n{settings}")
    with open_index(data) as index:
        token = tokens.create(index, user="alice")
    tell(f"HATCH_STAGED_SEED={SEED} HATCH_STAGED_CRASHES={CRASHES}")
    moments = random.Random(SEED)  # noqa: S311 - likewise
    root = f"http://127.0.0.1:{free_port}/"
    load = Load(root, token, SEED)
    with load.running():
        for life in range(CRASHES):
            with serving(data, free_port):
                load.index_is_up()
                load.wait_for_answers(moments.randint(1, LONGEST_LIFE))
                if life == 0:  # whatever chance makes of the others, there is something to lose in them
                    load.wait_for_both_ends()
                load.index_is_down()
    tell(f"{len(load.stories)} releases were begun: {load.ended()}")
    with serving(data, free_port), httpx2.Client(headers={"Authorization": f"Bearer {token}"}) as client:
        for story in load.stories:
            check(story, client, root)
    check_bytes(data)


def tell(line: str) -> None:
    """Print a line that pytest shows when the test fails, or with ``-s``."""
    print(line)  # noqa: T201 - see above


def check(story: Story, client: httpx2.Client, root: str) -> None:
    """Hold what the index shows of a release now against what it acknowledged."""
    listed = listing(client, f"{root}simple/{story.project}/")
    whole = {built.filename: built.sha256 for built in story.files}
    assert listed in ({}, whole), f"{story.project} is half published: {sorted(listed)} of {sorted(whole)}"
    if story.published:
        assert listed == whole, f"{story.project} was published"
    if story.canceled or (story.open_question != "publish" and not story.published):
        assert listed == {}, f"{story.project} was never to be published"
    if not story.session:
        return
    state = settled(client, story.session["links"]["session"])
    assert (state == "published") == bool(listed), f"{story.project} is {state}"
    if story.canceled:
        assert state == "canceled"
    if state in {"open", "error"}:
        staged = listing(client, f"{story.session['links']['stage']}{story.project}/")
        missing = story.completed - staged.keys()
        assert not missing, f"{missing} was completed, then lost"
        assert staged.items() <= whole.items()


def settled(client: httpx2.Client, url: str) -> str:
    """Return the state of a session once the worker of the restarted index is through with it."""
    deadline = time.monotonic() + PATIENCE
    while (state := client.get(url).json()["status"]) == "processing":
        assert time.monotonic() < deadline, f"{url} is processing for good"
        time.sleep(0.05)  # another process works
    return str(state)


def listing(client: httpx2.Client, page: str) -> dict[str, str]:
    """Return the files that a simple page lists, by name, with the hash of what can be downloaded there."""
    answer = client.get(page, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    if answer.status_code == 404:
        return {}
    found = {}
    for entry in answer.json()["files"]:
        downloaded = client.get(entry["url"])
        assert downloaded.status_code == 200, downloaded.text
        found[entry["filename"]] = hashlib.sha256(downloaded.content).hexdigest()
        assert found[entry["filename"]] == entry["hashes"]["sha256"]
    return found


def check_bytes(data: Path) -> None:
    """Every row has its bytes, and after a sweep every object has its row."""
    with open_index(data) as index:
        index.objects.discard_partial()
        expiry.sweep_orphans(index, older_than=0)
        with index.database.reading() as tx:
            referenced = uploading.referenced(tx)
        assert {stored.key for stored in index.objects.list()} == referenced
    files = {path.relative_to(data / "objects").as_posix() for path in (data / "objects").rglob("*") if path.is_file()}
    assert files == referenced
