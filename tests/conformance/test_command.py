"""The verb: its options, what it prints and writes, and how it ends."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from tests.conformance.fake_index import TOKEN, Reply

from hatch_staged.conformance.command import conformance
from hatch_staged.conformance.requirements import requirements

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conformance.fake_index import FakeIndex

MUST = "SESSION-CREATE-10"


def call(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(conformance, arguments, env={"COLUMNS": "200", **variables})


def try_index(fake: FakeIndex, *options: str) -> Result:
    """Try the fake index for the one requirement that it can meet."""
    return call(fake.root, "--token", TOKEN, "--only", MUST, *options)


def test_it_ends_with_0_if_no_must_failed(fake: FakeIndex) -> None:
    ended = try_index(fake)
    assert ended.exit_code == 0, ended.output
    assert "Create a Publishing Session" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "1 passed, 0 failed (0 of them MUST), 0 skipped"


def test_it_ends_with_1_if_a_must_failed(fake: FakeIndex) -> None:
    fake.created = 200
    ended = try_index(fake)
    assert ended.exit_code == 1
    assert ended.stdout.splitlines()[-1] == "0 passed, 1 failed (1 of them MUST), 0 skipped"


def test_it_ends_with_0_if_only_a_should_failed(fake: FakeIndex) -> None:
    # This index answers errors without a body, among other things.
    ended = call(fake.root, "--token", TOKEN, "--only", "ERROR-03")
    assert "1 failed (0 of them MUST)" in ended.stdout
    assert ended.exit_code == 0


def test_quiet_leaves_out_what_did_not_fail(fake: FakeIndex) -> None:
    assert try_index(fake, "-q").stdout == "1 passed, 0 failed (0 of them MUST), 0 skipped\n"
    fake.created = 200
    section, failed, _ = try_index(fake, "--quiet").stdout.splitlines()
    assert section == "Create a Publishing Session"
    assert failed.startswith(f"  {MUST} (MUST): created with POST {fake.root} -> 200 ")


def test_the_result_is_written_as_json(fake: FakeIndex, tmp_path: Path) -> None:
    try_index(fake, "--json", str(tmp_path / "out.json"))
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["index"] == fake.root
    assert [(each["id"], each["result"]) for each in written["requirements"]] == [(MUST, "passed")]
    assert TOKEN not in (tmp_path / "out.json").read_text()


def test_the_result_is_written_in_junits_format(fake: FakeIndex, tmp_path: Path) -> None:
    fake.created = 200
    assert try_index(fake, "--junit", str(tmp_path / "out.xml")).exit_code == 1
    [suite] = ET.parse(tmp_path / "out.xml").getroot()  # noqa: S314 - ours
    assert suite.get("failures") == suite.get("tests") != "0"


def test_the_tokens_may_come_from_variables(fake: FakeIndex) -> None:
    ended = call(fake.root, "--only", MUST, CONFORMANCE_TOKEN=TOKEN)
    assert ended.exit_code == 0, ended.output


def test_a_report_that_is_not_for_a_terminal_is_not_cut(fake: FakeIndex) -> None:
    fake.created = 200
    told = call(fake.root, "--token", TOKEN, "--only", MUST, COLUMNS="80").stdout
    assert "…" not in told
    assert f"created with POST {fake.root} -> 200" in told


def test_requirements_are_chosen_by_what_they_begin_with(fake: FakeIndex, tmp_path: Path) -> None:
    call(fake.root, "--token", TOKEN, "--only", "workflow", "--only", "Version-03", "--json", str(tmp_path / "out"))
    written = json.loads((tmp_path / "out").read_text())
    assert {each["id"].rpartition("-")[0] for each in written["requirements"]} == {"WORKFLOW", "VERSION"}
    assert [each["id"] for each in written["requirements"] if each["id"].startswith("VERSION")] == ["VERSION-03"]


def test_the_requirements_can_be_listed_without_an_index() -> None:
    ended = call("--list")
    assert ended.exit_code == 0
    listed = [line.split(maxsplit=2) for line in ended.stdout.splitlines()]
    assert [MUST, "MUST", "Create a Publishing Session"] in listed
    assert len(listed) == len(requirements())


# What ends before it begins


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Missing argument 'URL'"),
        (["http://127.0.0.1:1/"], "Missing option '--token'"),
        (["http://127.0.0.1:1/", "--token", "t", "--only", "NO-01"], "there is no requirement NO-01"),
        (["http://127.0.0.1:1/", "--token", "t", "--patience", "-1"], "--patience"),
        (["http://127.0.0.1:1/", "--token", "t", "--project-quota", "3999"], "--project-quota"),
        (["http://127.0.0.1:1/", "--token", "t", "--project-quota", "1000001"], "--project-quota"),
        (["http://127.0.0.1:1/", "--token", "t", "--no-such"], "--no-such"),
        (["index.test/upload/", "--token", "t"], "index.test/upload/ is no URL with http:// or https://"),
        (["http:///upload/", "--token", "t"], "http:///upload/ is no URL"),
        (["http://127.0.0.1:1/", "--token", "t", "--other-token", "t"], "it is the same as --token"),
        (["http://127.0.0.1:1/", "--token", "t", "--grant", "true"], "--grant and --revoke need each other"),
        (["http://127.0.0.1:1/", "--token", "t", "--revoke", "true"], "--grant and --revoke need each other"),
        (["http://127.0.0.1:1/", "--token", "t", "--json", "no-such/a.json"], "there is no folder no-such"),
        (["http://127.0.0.1:1/", "--token", "t", "--junit", "no-such/a.xml"], "there is no folder no-such"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], complaint: str) -> None:
    ended = call(*arguments)
    assert ended.exit_code == 2
    assert complaint in ended.stderr


def test_an_index_that_does_not_answer_ends_with_7() -> None:
    ended = call("http://127.0.0.1:1/", "--token", TOKEN)
    assert ended.exit_code == 7
    assert ended.stderr.startswith("Error: POST http://127.0.0.1:1/ got no answer")
    assert TOKEN not in ended.output


def test_what_is_no_root_endpoint_ends_with_2(fake: FakeIndex) -> None:
    fake.script["POST", "/root"] = [Reply(501)]
    ended = try_index(fake)
    assert ended.exit_code == 2
    assert ended.stderr == f"Error: POST {fake.root} answered 501: this is no Upload 2.0 root endpoint\n"
    assert ended.stdout == ""


def test_a_token_that_the_index_does_not_take_ends_with_4(fake: FakeIndex) -> None:
    ended = call(fake.root, "--token", "another")
    assert ended.exit_code == 4
    assert ended.stderr == f"Error: {fake.root} does not take the token\n"


def test_tokens_can_be_sent_as_bearers(fake: FakeIndex) -> None:
    assert try_index(fake, "--scheme", "bearer").exit_code == 4
    fake.challenge = "Bearer"
    assert try_index(fake).exit_code == 0


def test_tokens_can_be_the_passwords_of_another_user(fake: FakeIndex) -> None:
    assert try_index(fake, "--user", "alice").exit_code == 4


def test_nothing_is_created_to_see_whether_the_token_is_taken(fake: FakeIndex) -> None:
    try_index(fake)
    assert json.loads(fake.seen[0].body) == {}


def test_what_cannot_be_observed_is_skipped_with_the_reason(fake: FakeIndex) -> None:
    ended = call(fake.root, "--token", TOKEN, "--only", "VERSION-03")
    assert ended.exit_code == 0
    assert "A rule for the PEP process" in ended.stdout


@pytest.mark.parametrize("option", ["--json", "--junit"])
def test_a_result_that_cannot_be_written_ends_with_1_and_says_why(fake: FakeIndex, tmp_path: Path, option: str) -> None:
    # No file system takes such a name.
    ended = try_index(fake, option, str(tmp_path / ("x" * 300)))
    assert ended.exit_code == 1
    assert ended.stderr.splitlines()[-1].startswith("Error: the result could not be written: ")
