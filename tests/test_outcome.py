"""The outcome of a command as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_staged.client.artifacts import Artifact, Release
from hatch_staged.client.publication import Decision, Plan, Pruned, Step
from hatch_staged.errors import StageGoneError
from hatch_staged.outcome import Outcome
from hatch_staged.protocol.distributions import parse_filename
from hatch_staged.protocol.states import SessionState
from hatch_staged.stage.expected import Expectation
from hatch_staged.stage.model import StagedArtifact, StagedRelease, StageFile
from hatch_staged.status import FileStatus, ReleaseStatus, as_noted

EXPIRES = datetime(2026, 11, 29, 8, 0, 0, 5, tzinfo=timezone(timedelta(hours=1)))
TOKEN = "u" * 43
ARTIFACT = StagedArtifact(
    "foo-1.0.tar.gz", f"https://i.test/stage/{TOKEN}/foo-1.0.tar.gz", None, 2500, {"sha256": "a" * 64}
)
RELEASE = StagedRelease(
    project=canonicalize_name("foo"),
    version=Version("1.0"),
    requires_python=None,
    artifacts=(ARTIFACT,),
    index="https://i.test/upload/",
    session=f"https://i.test/upload/sessions/{TOKEN}",
    stage=f"https://i.test/stage/{TOKEN}/simple/",
    session_token=TOKEN,
    status=SessionState.OPEN,
    expires_at=EXPIRES,
)
FOUND = ReleaseStatus(
    RELEASE,
    "open",
    EXPIRES,
    (
        FileStatus("foo-1.0-py3-none-any.whl", "error", None, ("it is broken",)),
        FileStatus("foo-1.0.tar.gz", "completed", ARTIFACT),
    ),
    ("be quick",),
)
ON_DISK = Artifact(Path("foo-1.0.tar.gz"), parse_filename("foo-1.0.tar.gz"), 2500, {"sha256": "a" * 64})
WHEEL = replace(ON_DISK, distribution=parse_filename("foo-1.0-py3-none-any.whl"), size=7, hashes={"sha256": "b" * 64})
PLAN = Plan(
    Release(RELEASE.project, RELEASE.version, (ON_DISK, WHEEL)),
    (Decision(ON_DISK, Step.KEEP), Decision(WHEEL, Step.UPLOAD)),
    foreign=("foo-1.0-py2-none-any.whl",),
    pruned=(Pruned("foo-1.0.zip", "https://i.test/f/1"),),
)


def test_what_was_found() -> None:
    outcome = Outcome("status")
    outcome.add(replace(FOUND, release=replace(RELEASE, index=f"https://i.test/upload/?token={TOKEN}")))
    outcome.expecting(Expectation(("*.tar.gz", "*.whl"), ("*.whl",)))
    text = outcome.as_json()
    assert TOKEN not in text
    assert json.loads(text) == {
        "command": "status",
        "exit-code": 0,
        "releases": [
            {
                "project": "foo",
                "version": "1.0",
                "index": "https://i.test/upload/",
                "status": "open",
                "expires-at": "2026-11-29T07:00:00Z",
                "digest": RELEASE.digest,
                "notices": ["be quick"],
                "files": [
                    {
                        "filename": "foo-1.0-py3-none-any.whl",
                        "status": "error",
                        "step": None,
                        "in-stage-file": False,
                        "size": None,
                        "sha256": None,
                        "notices": ["it is broken"],
                    },
                    {
                        "filename": "foo-1.0.tar.gz",
                        "status": "completed",
                        "step": None,
                        "in-stage-file": True,
                        "size": 2500,
                        "sha256": "a" * 64,
                        "notices": [],
                    },
                ],
            }
        ],
        "expected": ["*.tar.gz", "*.whl"],
        "missing": ["*.whl"],
        "notices": [],
        "error": None,
    }


def test_how_it_failed() -> None:
    outcome = Outcome("wait")
    outcome.notice("the index\rsays so")
    read = json.loads(outcome.as_json(3, StageGoneError("it is\ngone", where="here", hint="stage again")))
    assert (read["exit-code"], read["releases"]) == (3, [])
    assert (read["expected"], read["missing"]) == (None, None)
    assert read["notices"] == ["the index says so"]
    assert read["error"] == {"what": "it is gone", "where": "here", "hint": "stage again"}


def test_what_was_staged() -> None:
    outcome = Outcome("stage")
    outcome.planned(PLAN)
    outcome.finished(WHEEL)
    outcome.deleted("foo-1.0.zip")
    outcome.add(as_noted(RELEASE))
    [release] = json.loads(outcome.as_json())["releases"]
    assert [(file["filename"], file["status"], file["step"], file["in-stage-file"]) for file in release["files"]] == [
        ("foo-1.0.tar.gz", "completed", "keep", True),
        ("foo-1.0.zip", "canceled", "delete", False),
    ]


def test_what_was_not_staged_to_its_end() -> None:
    outcome = Outcome("stage")
    others = replace(ARTIFACT, filename="foo-1.0-py2-none-any.whl", url=f"{ARTIFACT.url}/foo-1.0-py2-none-any.whl")
    stale = replace(ARTIFACT, filename=WHEEL.filename, url=f"{ARTIFACT.url}/{WHEEL.filename}")
    before = StageFile((replace(RELEASE, artifacts=(ARTIFACT, others, stale)),))
    outcome.staging_at(f"https://i.test/upload/?token={TOKEN}", before)
    outcome.planned(PLAN)
    [release] = json.loads(outcome.as_json(7))["releases"]
    assert (release["index"], release["status"], release["expires-at"], release["digest"]) == (
        *("https://i.test/upload/", None),
        *(None, None),
    )
    keys = ("filename", "status", "step", "in-stage-file", "size", "sha256")
    assert [tuple(file[key] for key in keys) for file in release["files"]] == [
        ("foo-1.0.tar.gz", "completed", "keep", True, 2500, "a" * 64),
        ("foo-1.0-py3-none-any.whl", None, "upload", False, 7, "b" * 64),
        ("foo-1.0.zip", None, "delete", False, None, None),
        ("foo-1.0-py2-none-any.whl", None, None, True, 2500, "a" * 64),
    ]
    outcome.finished(WHEEL)
    outcome.deleted("foo-1.0.zip")
    [release] = json.loads(outcome.as_json(7))["releases"]
    assert [file["status"] for file in release["files"]] == ["completed", "completed", "canceled", None]
