"""One run of checks against one index: what is run, what is kept, and when there is no verdict."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from tests.conformance.fake_index import TOKEN

from hatch_staged.conformance import run as engine
from hatch_staged.conformance.run import SuiteError
from hatch_staged.conformance.target import Target
from hatch_staged.conformance.verdict import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conformance.fake_index import FakeIndex

    Write = Callable[[str], Path]

CREATED, LOCATED = "SESSION-CREATE-10", "SESSION-CREATE-11"
TARGET = Target("http://127.0.0.1:1/", "t0ken")

HEAD = """
import pytest
from hatch_staged.conformance.requirements import covers
from hatch_staged.conformance.target import TARGET

created = covers("SESSION-CREATE-10", "201 Created")
located = covers("SESSION-CREATE-11", "The response MUST also include a Location header")
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file of checks and returns its folder."""

    def write(body: str) -> Path:
        folder = tmp_path / "own"
        folder.mkdir()
        # A name of its own: Python keeps what it has imported.
        name = f"test_{abs(hash(tmp_path))}.py"
        (folder / name).write_text(HEAD + dedent(body))
        return folder

    return write


def outcomes(folder: Path, **given: object) -> dict[str, Outcome]:
    """Return the outcomes by the names of the checks."""
    ran = engine.run(TARGET, checks=folder, **given)  # type: ignore[arg-type] # what a test gives
    return {each.check.rpartition("::")[2]: each for each in ran}


# The real checks


def test_the_checks_find_the_index_and_leave_nothing_on_it(fake: FakeIndex) -> None:
    [outcome] = engine.run(Target(fake.root, TOKEN), only=[LOCATED])
    assert outcome.result is Result.PASSED
    assert set(outcome.covered) == {CREATED, LOCATED}
    methods = [seen.method for seen in fake.seen]
    assert methods == ["POST", "DELETE"]


def test_a_fault_of_the_index_fails_a_check_that_says_what_it_saw(fake: FakeIndex) -> None:
    fake.created = 200
    [outcome] = engine.run(Target(fake.root, TOKEN), only=[CREATED])
    assert outcome.result is Result.FAILED
    assert f"POST {fake.root} -> 200" in outcome.seen
    assert TOKEN not in outcome.seen


# What becomes of a check


def test_each_check_has_an_outcome_with_what_it_covers(write: Write) -> None:
    ran = outcomes(
        write("""
            @created
            def test_good(): pass

            @created
            @located
            def test_bad(): assert 1 == 2, "seen: one"

            @located
            def test_not_here(): pytest.skip("not here")
        """)
    )
    assert {name: (each.result.value, each.seen, set(each.covered)) for name, each in ran.items()} == {
        "test_good": ("passed", "", {CREATED}),
        "test_bad": ("failed", "seen: one", {CREATED, LOCATED}),
        "test_not_here": ("skipped", "not here", {LOCATED}),
    }


def test_only_the_first_line_of_what_was_seen_is_told(write: Write) -> None:
    [outcome] = outcomes(write("@created\ndef test_it(): pytest.fail('first\\nsecond')")).values()
    assert outcome.seen == "first"


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        ("AssertionError('no')", "no"),
        ("wire.NoAnswerError('GET got no answer')", "GET got no answer"),
        ("json.JSONDecodeError('no', '', 0)", "JSONDecodeError: no: line 1 column 1 (char 0)"),
        ("ValueError('a.b: c')", "ValueError: a.b: c"),
    ],
)
def test_what_was_raised_is_told_without_where_it_is_defined(write: Write, raised: str, seen: str) -> None:
    folder = write(f"import json\nfrom hatch_staged.conformance import wire\n@created\ndef test_it(): raise {raised}")
    [outcome] = outcomes(folder).values()
    assert outcome.seen == seen


@pytest.mark.parametrize("when", ["before", "after"])
def test_trouble_before_or_after_a_check_fails_it(write: Write, when: str) -> None:
    lines = ["    yield", "    raise OSError('the disk')"]
    body = "\n".join(lines if when == "after" else reversed(lines))
    folder = write(f"@pytest.fixture\ndef trouble():\n{body}\n\n@created\ndef test_it(trouble): pass\n")
    [outcome] = outcomes(folder).values()
    assert (outcome.result, outcome.seen) == (Result.FAILED, "OSError: the disk")


def test_what_failed_stays_failed_if_tidying_up_fails_too(write: Write) -> None:
    folder = write("""
        @pytest.fixture
        def trouble():
            yield
            raise OSError

        @created
        def test_it(trouble): pytest.fail("first")
    """)
    [outcome] = outcomes(folder).values()
    assert outcome.seen == "first"


def test_progress_is_told_after_each_check(write: Write) -> None:
    told: list[Outcome] = []
    ran = outcomes(write("@created\ndef test_it(): pass\n@located\ndef test_that(): pass\n"), progress=told.append)
    assert told == list(ran.values())


def test_the_checks_get_the_target(write: Write) -> None:
    folder = write("@created\ndef test_it(pytestconfig): pytest.fail(pytestconfig.stash[TARGET].root)")
    [outcome] = outcomes(folder).values()
    assert outcome.seen == TARGET.root


# Which checks


def test_only_checks_of_the_chosen_requirements_run(write: Write) -> None:
    folder = write("@created\ndef test_it(): pass\n@located\n@created\ndef test_both(): pass\n")
    assert outcomes(folder, only=[LOCATED]).keys() == {"test_both"}


def test_no_check_runs_for_what_none_covers(write: Write) -> None:
    assert outcomes(write("@created\ndef test_it(): pass"), only=["VERSION-03"]) == {}


def test_junit_has_the_requirements_of_each_check(write: Write, tmp_path: Path) -> None:
    outcomes(write("@created\n@located\ndef test_it(): pass"), junit=tmp_path / "out.xml")
    found = ET.parse(tmp_path / "out.xml").iter("property")  # noqa: S314 - ours
    assert {(each.get("name"), each.get("value")) for each in found} == {
        ("requirement", CREATED),
        ("requirement", LOCATED),
    }


def test_junit_has_neither_secrets_nor_folders(write: Write, tmp_path: Path) -> None:
    secrets = ("t0ken-one", "t0ken-two", "s3cret")
    target = Target(TARGET.root, secrets[0], other_token=secrets[1], grant=f"grant --password {secrets[2]}")
    folder = write("""
        from hatch_staged.conformance import steps
        from hatch_staged.conformance.artifacts import fresh_release
        from hatch_staged.conformance.wire import Principal, Wire

        @pytest.fixture
        def index(pytestconfig): return pytestconfig.stash[TARGET]

        @pytest.fixture
        def people(index): return [Principal(Wire(5), index.token), Principal(Wire(5), index.other_token)]

        @created
        def test_a_step(index, people): steps.open_session(people[0], index.root, fresh_release())

        @created
        def test_an_assertion(index, people): assert (index, people) == ()

        @created
        def test_a_skip(index, people): index.require_simple()
    """)
    engine.run(target, checks=folder, junit=tmp_path / "out.xml")
    written = (tmp_path / "out.xml").read_text()
    [suite] = ET.fromstring(written)  # noqa: S314 - ours
    assert (suite.get("name"), suite.get("failures"), suite.get("skipped")) == ("hatch-staged conformance", "2", "1")
    assert [word for word in (*secrets, str(folder), str(engine.CHECKS.parent)) if word in written] == []
    # It says where, nevertheless.
    assert re.search(r"got no answer.*\nsteps\.py:[0-9]+\n", written, re.DOTALL)


# Its surroundings


def test_nothing_of_a_users_pytest_takes_part(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (tmp_path / "conftest.py").write_text("raise OSError\n")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    monkeypatch.chdir(tmp_path)
    folder = write("@created\ndef test_it(): print('noise')")
    before = dict(os.environ)
    assert outcomes(folder)["test_it"].result is Result.PASSED
    assert dict(os.environ) == before
    assert capsys.readouterr().out == ""
    assert not list(tmp_path.rglob(".pytest_cache"))


# No verdict


def test_there_is_no_verdict_if_the_checks_cannot_be_read(write: Write) -> None:
    with pytest.raises(SuiteError, match="no_such_module"):
        outcomes(write("import no_such_module"))


def test_there_is_no_verdict_if_the_run_is_ended_early(write: Write) -> None:
    folder = write("@created\ndef test_it(): pytest.exit('too many requests', returncode=1)")
    with pytest.raises(SuiteError, match="too many requests") as caught:
        outcomes(folder)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_there_is_no_verdict_if_a_command_of_the_operators_does_not_work(write: Write, when: str) -> None:
    lines = ["    yield", "    pytest.exit('--grant ended with 1', returncode=2)"]
    body = "\n".join(lines if when == "after" else reversed(lines))
    folder = write(f"@pytest.fixture\ndef shared():\n{body}\n\n@created\ndef test_it(shared): pass\n")
    with pytest.raises(SuiteError, match="--grant ended with 1") as caught:
        outcomes(folder)
    assert caught.value.exit_code == 2


def test_there_is_no_verdict_if_somebody_interrupts(write: Write) -> None:
    with pytest.raises(SuiteError, match="interrupted"):
        outcomes(write("@created\ndef test_it(): raise KeyboardInterrupt"))


def test_there_is_no_verdict_without_checks(write: Write) -> None:
    with pytest.raises(SuiteError, match="ended early"):
        outcomes(write(""))
