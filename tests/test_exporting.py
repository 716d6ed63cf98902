"""Exports of what is staged at a real index: what can be had, for which Python, and into which file."""

from __future__ import annotations

import json
import re
import stat
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.conftest import Maintainer

from hatch_staged import exporting, releases
from hatch_staged.client.progress import unheard
from hatch_staged.errors import ConfigurationError, NotAllowedError, StagedError, StageGoneError
from hatch_staged.stage import export, stagefile
from hatch_staged.stage.model import StageFile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.client.upload_server import UploadServer
    from tests.conftest import TeamIndex

    from hatch_staged.desk import Desk
    from hatch_staged.stage.export import Available

WHEEL, SDIST = "foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz"
OTHERS = "foo-1.0-cp39-cp39-win_amd64.whl"


def available(desk: Desk) -> tuple[Available, ...]:
    return exporting.available(desk, tell=pytest.fail)


def test_what_is_staged(maintainer: Maintainer) -> None:
    [staged] = maintainer.stage()
    [found] = available(maintainer.logged_in(None))
    assert (found.release, found.index_url, found.status) == (staged, staged.stage, "open")
    assert found.urls == {artifact.filename: artifact.url for artifact in staged.artifacts}


def test_what_is_published(maintainer: Maintainer, team: TeamIndex) -> None:
    maintainer.stage()
    before = maintainer.desk.stage_file.read_bytes()
    list(releases.publish(maintainer.desk, releases.ready_to_publish(maintainer.desk)))
    maintainer.desk.stage_file.write_bytes(before)
    [found] = available(maintainer.desk)
    assert (found.index_url, found.status) == (f"{team.root}simple/", "published")
    assert {url.split("/")[3] for url in found.urls.values()} == {"files"}


def test_what_cannot_be_had(maintainer: Maintainer) -> None:
    with pytest.raises(ConfigurationError, match="there is no stage file"):
        available(maintainer.desk)
    stagefile.write(maintainer.desk.stage_file, StageFile())
    with pytest.raises(ConfigurationError, match="names no release"):
        available(maintainer.desk)
    maintainer.stage()
    list(releases.cancel(maintainer.desk, releases.in_stage_file(maintainer.desk)))
    with pytest.raises(StageGoneError):
        available(maintainer.desk)


def test_an_index_without_previews(at_plain: Maintainer) -> None:
    [staged] = at_plain.stage()
    with pytest.raises(StagedError, match="cannot be had before it is published"):
        available(at_plain.desk)
    away = replace(staged, index="http://127.0.0.1:9/upload/")
    stagefile.write(at_plain.desk.stage_file, StageFile((away,)))
    simple = replace(at_plain.desk.connections.configured["plain"], url=away.index, simple="http://127.0.0.1:9/simple/")
    connections = replace(at_plain.desk.connections, configured={"plain": simple})
    with pytest.raises(StagedError, match="cannot be exported: its index has no previews"):
        exporting.available(replace(at_plain.desk, connections=connections), tell=unheard)


def test_an_index_that_is_away(maintainer: Maintainer) -> None:
    [staged] = maintainer.stage()
    away = "http://127.0.0.1:9/"
    stage_file = StageFile((replace(staged, index=f"{away}upload/", stage=f"{away}stage/x/simple/"),))
    stagefile.write(maintainer.desk.stage_file, stage_file)
    told: list[str] = []
    [found] = exporting.available(maintainer.desk, tell=told.append)
    assert [found.release] == [*stage_file.releases]
    assert [line.partition(";")[0] for line in told] == ["foo 1.0 from the stage (its index cannot be reached"]


def test_a_token_that_is_not_known(maintainer: Maintainer, team: TeamIndex) -> None:
    secretive = Maintainer(maintainer.folder, replace(maintainer.desk, share_token=False))
    [staged] = secretive.stage()
    with pytest.raises(NotAllowedError, match="needs its session token"):
        available(maintainer.desk)
    tokens = replace(maintainer.desk.tokens, variables={"HATCH_STAGE_TOKEN": str(staged.session_token)})
    [found] = available(replace(maintainer.desk, tokens=tokens))
    assert f"export HATCH_STAGE_TOKEN={staged.session_token}\n" in export.env([found])
    text = maintainer.desk.stage_file.read_text().replace(team.root, "http://127.0.0.1:9/")
    maintainer.desk.stage_file.write_text(text)
    away = replace(team.repository, url="http://127.0.0.1:9/upload/", simple="http://127.0.0.1:9/simple/")
    connections = replace(maintainer.desk.connections, configured={"team": away})
    with pytest.raises(NotAllowedError, match="needs its session token"):
        exporting.available(replace(maintainer.desk, connections=connections), tell=unheard)


def lines(desk: Desk, python: str | None, variables: dict[str, str]) -> list[str]:
    return exporting.requirements(available(desk), python, variables).splitlines()[1:]


def filenames(requirements: list[str]) -> list[str]:
    return [line.partition("#")[0].rpartition("/")[2] for line in requirements]


@pytest.mark.parametrize("staged", [(WHEEL, SDIST), (SDIST,)])
def test_requirements_for_every_python(maintainer: Maintainer, staged: tuple[str, ...]) -> None:
    maintainer.stage(*staged)
    assert filenames(lines(maintainer.desk, None, {})) == [staged[0]]


def test_requirements_for_one_python(maintainer: Maintainer) -> None:
    maintainer.stage("bar-2.0.tar.gz", WHEEL, SDIST, OTHERS)
    with pytest.raises(ConfigurationError, match="no virtual environment is active"):
        lines(maintainer.desk, None, {})
    version = ".".join(map(str, sys.version_info[:3]))
    for python, variables in ((sys.executable, {}), (None, {"VIRTUAL_ENV": sys.prefix})):
        if python is None and sys.prefix == sys.base_prefix:
            continue
        header, *requirements = lines(maintainer.desk, python, variables)
        assert f"Python {version} " in header
        assert filenames(requirements) == ["bar-2.0.tar.gz", WHEEL]


def test_into_a_file(maintainer: Maintainer, tmp_path: Path) -> None:
    exporting.write(maintainer.desk, tmp_path / "x", "text")
    exporting.write(maintainer.desk, tmp_path / "pylock.x.toml", "text", lock=True)
    assert (tmp_path / "x").read_text() == (tmp_path / "pylock.x.toml").read_text() == "text"
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600
    with pytest.raises(ConfigurationError, match="take no lock file of this name") as caught:
        exporting.write(maintainer.desk, tmp_path / "x.toml", "text", lock=True)
    assert caught.value.hint == "call it pylock.stage.toml"
    with pytest.raises(ConfigurationError, match="this is the stage file itself"):
        exporting.write(maintainer.desk, maintainer.desk.stage_file, "text")
    with pytest.raises(StagedError, match="cannot write the export"):
        exporting.write(maintainer.desk, tmp_path / "gone" / "x", "text")


def test_a_step_of_github_actions(maintainer: Maintainer, team: TeamIndex, tmp_path: Path) -> None:
    [staged] = maintainer.stage()
    variables = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    (tmp_path / "GITHUB_OUTPUT").write_text("before=1\n")
    said: list[str] = []

    def say(text: str) -> None:
        assert not (tmp_path / "GITHUB_STEP_SUMMARY").exists(), "the mask comes first"
        said.append(text)

    exporting.github(maintainer.desk, available(maintainer.desk), variables, say=say)
    assert said == [f"::add-mask::{staged.session_token}\n"]
    outputs = (tmp_path / "GITHUB_OUTPUT").read_text()
    assert outputs.startswith("before=1\nreleases<<hatch-staged-")
    found = re.search(r"^stage-url<<(hatch-staged-\w{32})\n(.*)\n\1$", outputs, re.MULTILINE)
    assert found is not None
    assert found[2] == staged.stage
    summary = (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert "### foo 1.0 is staged, not published" in summary
    assert str(staged.session_token) not in summary
    assert team.secret not in outputs + summary
    for name in variables:
        with pytest.raises(ConfigurationError, match=f"there is no {name}"):
            exporting.github(maintainer.desk, (), {**variables, name: ""}, say=pytest.fail)


def test_what_the_index_has_to_say_is_in_the_summary(plain: UploadServer, at_plain: Maintainer, tmp_path: Path) -> None:
    plain.previews = True
    at_plain.stage("foo-1.0.tar.gz")
    plain.notices = ["quota: 90%\n| is nearly | used up"]
    plain.files["foo-1.0.tar.gz"].notices = ["no licence"]
    variables = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    exporting.github(at_plain.desk, available(at_plain.desk), variables, say=unheard)
    summary = (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert "\n- quota&#58; 90&#37; &#124; is nearly &#124; used up\n" in summary
    assert "\n- foo&#45;1&#46;0&#46;tar&#46;gz&#58; no licence\n" in summary
    stranger = at_plain.logged_in(None)
    (tmp_path / "GITHUB_STEP_SUMMARY").unlink()
    exporting.github(stranger, available(stranger), variables, say=unheard)
    assert "\n- " not in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()


def test_json_is_all_that_a_script_needs(maintainer: Maintainer) -> None:
    [staged] = maintainer.stage()
    [told] = json.loads(export.as_json(available(maintainer.desk)))["releases"]
    with maintainer.desk.connections.anonymous(maintainer.desk.repository()) as client:
        for file, artifact in zip(told["files"], staged.artifacts, strict=True):
            with client.download(file["url"]) as pieces:
                assert len(b"".join(pieces)) == file["size"] == artifact.size
