"""No secret is shown: not by any verb, at any verbosity, whatever the index says, not in logs and process arguments."""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import pytest
from tests.client.upload_server import DROP, TOKEN, UPLOAD_JSON, Reply, UploadServer, problem, reply
from tests.conftest import Maintainer
from tests.hatch.conftest import checkout, hatch, run

from hatch_staged.client import waiting
from hatch_staged.client.waiting import Patience, Waiter
from hatch_staged.repositories import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import MakeDesk
    from tests.hatch.conftest import Checkout, Run

__all__ = ["checkout", "hatch", "run"]

USER = "anna"
PASSWORD = "pass/wörd+'of' 100% \\anna"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, BASIC, TOKEN)
WRITTEN = {form for each in SECRETS for form in (each, quote(each), quote(each, safe=""), repr(each), json.dumps(each))}
FORMS = {form.strip("'\"") for form in WRITTEN}

#: verb -> its arguments, for the root group of Hatch
VERBS = {
    "stage": ("publish", "--staged"),
    "stage-json": ("publish", "--staged", "-o", "json=true"),
    "status": ("stage", "status"),
    "publish": ("stage", "publish", "-y"),
    "cancel": ("stage", "cancel", "-y"),
    "extend": ("stage", "extend", "3h"),
    "wait": ("stage", "wait", "--timeout", "0s"),
    "pull": ("stage", "pull", "foo==1.0"),
    "pull-token": ("stage", "pull", "--token", TOKEN),
}
ECHO = " ".join((*SECRETS, f"at https://{USER}:{quote(PASSWORD)}@i.example/stage/{TOKEN}/simple/", *sorted(FORMS)))
TELLING = {"title": ECHO, "detail": ECHO, "errors": [{"source": TOKEN, "message": ECHO}]}


def words(status: int) -> Reply:
    return problem(status, ECHO, detail=ECHO, errors=TELLING["errors"])


class Case(NamedTuple):
    """What the index answers to everything, or to this method and path, in the place of what is right."""

    answer: Reply
    method: str = ""
    path: str = ""


CASES = {
    **{str(status): Case(words(status)) for status in (400, 401, 403, 404, 409, 410, 413, 422, 501)},
    "failing": Case(Reply(503, words(503).body, {**words(503).headers, "Retry-After": "99999"})),
    "a page": Case(Reply(200, ECHO.encode(), {"Content-Type": "text/html"})),
    "no json": Case(Reply(200, ECHO.encode(), {"Content-Type": UPLOAD_JSON})),
    "half a json": Case(Reply(201, json.dumps({"links": TELLING})[:-9].encode(), {"Content-Type": UPLOAD_JSON})),
    "other json": Case(reply(200, {"meta": {"api-version": ECHO}, "links": ECHO, "status": TOKEN})),
    "elsewhere": Case(Reply(307, b"", {"Location": f"https://i.example/{TOKEN}/?token={quote(PASSWORD, safe='')}"})),
    "no length": Case(DROP),
    "refused at its end": Case(words(409), "POST", "/p$"),
    "refused file": Case(words(400), "POST", "/c/"),
    "refused bytes": Case(words(413), "POST", "/b/"),
    "refused extension": Case(words(409), "POST", "/e$"),
    "refused cancellation": Case(words(409), "DELETE", "/s$"),
    "no page": Case(words(404), "GET", "/stage/"),
    "nobody there": Case(DROP, "GET", "/stage/"),
}


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[UploadServer]:
    """Run an index that says everything it knows; nobody waits for it."""
    hurried = Waiter(Patience(attempts=1, processing=2.0), sleep=lambda _seconds: None)
    monkeypatch.setattr(waiting, "Waiter", lambda *_arguments, tell: replace(hurried, tell=tell))
    with UploadServer() as server:
        yield server


@pytest.fixture
def anna(plain: UploadServer, make_desk: MakeDesk, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Maintainer:
    """Return somebody who has staged at `plain`, which the project's configuration names, and has built once more."""
    checkout.configure(f'[tool.hatch.publish.staged]\nrepo = "plain"\nrepos.plain.url = "{plain.endpoint}"\n')
    desk = make_desk({"plain": Repository("plain", plain.endpoint)}, auth=PASSWORD, default_repo="plain")
    made = Maintainer(desk.stage_file.parent, desk)
    made.stage("foo-1.0.tar.gz")
    made.build("foo-1.0.tar.gz", content=b"other")
    monkeypatch.setenv("HATCH_INDEX_USER", USER)
    monkeypatch.setenv("HATCH_INDEX_AUTH", PASSWORD)
    monkeypatch.setenv("HATCH_DEBUG", "1")
    return made


def assert_nothing_secret(text: str) -> None:
    assert [form for form in sorted(FORMS) if form in text] == []


def shown_by(run: Run, verb: str, caplog: pytest.LogCaptureFixture, *options: str) -> str:
    """Run a verb, and return everything that it shows anywhere."""
    caplog.clear()
    before, *after = VERBS[verb]
    ended = run("-vvv", before, *after, *(("-vvv",) if before == "stage" else ()), *options)
    assert ended.exception is None or isinstance(ended.exception, SystemExit)
    records = [f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records]
    return "\n".join([ended.stdout, ended.stderr, *records])


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize("verb", VERBS)
def test_where_all_is_well(run: Run, plain: UploadServer, verb: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.NOTSET)
    plain.notices = [ECHO]
    plain.add_file("foo-1.0-py3-none-any.whl").notices = [ECHO]
    shown = shown_by(run, verb, caplog)
    assert shown.strip()
    assert_nothing_secret(shown)
    if verb not in {"stage", "stage-json"}:
        assert_nothing_secret(shown_by(run, verb, caplog, "--json"))


@pytest.mark.parametrize("case", CASES)
def test_where_the_index_says_all_it_knows(
    run: Run, plain: UploadServer, anna: Maintainer, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.NOTSET)
    answer, method, path = CASES[case]
    staged = anna.desk.stage_file.read_bytes()
    plain.seen.clear()
    for verb in VERBS:
        # whatever the verb before did
        plain.status = "open"
        anna.desk.stage_file.write_bytes(staged)
        for each in ("GET", "POST", "DELETE") if not method else (method,):
            plain.script(each, path, *[answer] * 40)
        assert_nothing_secret(shown_by(run, verb, caplog))
        plain.forget_scripts()
        if verb.startswith("stage"):
            staged = anna.desk.stage_file.read_bytes()
    assert plain.asked(method or "POST", path)


@pytest.mark.usefixtures("anna")
def test_where_nobody_answers(run: Run, anna: Maintainer, checkout: Checkout, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.NOTSET)
    stage_file = anna.desk.stage_file
    nobody = "http://127.0.0.1:9/api/2.0/"
    index = anna.desk.connections.configured["plain"].url
    for path in (stage_file, checkout.folder / "pyproject.toml"):
        path.write_text(path.read_text().replace(index, nobody))
    for verb in VERBS:
        shown = shown_by(run, verb, caplog)
        assert "Traceback" in shown
        assert_nothing_secret(shown)


@pytest.mark.parametrize("broken", ["session-token", "stage =", "status", "url ="])
def test_a_stage_file_that_is_broken(run: Run, anna: Maintainer, broken: str, caplog: pytest.LogCaptureFixture) -> None:
    stage_file = anna.desk.stage_file
    lines = stage_file.read_text().splitlines()
    stage_file.write_text("\n".join(f'{line}"' if broken in line else line for line in lines))
    for verb in VERBS:
        assert_nothing_secret(shown_by(run, verb, caplog))
    stage_file.write_text("\n".join(line.replace("http", "ftp") if broken in line else line for line in lines))
    for verb in VERBS:
        assert_nothing_secret(shown_by(run, verb, caplog))


_SPY = """
import sys
def hook(event, arguments):
    if event in {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system"}:
        print("started", event, arguments[:2], file=sys.stderr)
sys.addaudithook(hook)
from hatch.cli import hatch
from hatch_staged.hatch.commands import extend
extend(hatch)
hatch(sys.argv[1:], prog_name="hatch")
"""


@pytest.mark.usefixtures("anna")
def test_process_arguments(checkout: Checkout, home: Path, plain: UploadServer) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=checkout.folder, check=True)  # noqa: S607 - whichever there is
    started = ""
    for verb in ("stage", "publish"):
        ended = subprocess.run(
            [sys.executable, "-c", _SPY, "-vvv", *VERBS[verb]],
            cwd=checkout.folder,
            env={**os.environ, "HATCH_DATA_DIR": str(home), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert_nothing_secret(ended.stdout + ended.stderr)
        assert ended.stdout + ended.stderr, verb
        started += ended.stderr
        plain.status = "open"
    assert "started subprocess.Popen" in started
