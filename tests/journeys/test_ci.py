"""The files for CI services, in the example project and in the docs, do what they say, at an index on a port."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from sqlalchemy import select
from tests.journeys.ci_services import Ended, GitHub, GitLab, Service, has_bash

from hatch_staged.index import tokens
from hatch_staged.index.database import schema
from hatch_staged.index.records import Permission

if TYPE_CHECKING:
    from tests.conftest import TeamIndex

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "example-project"
PAGE = ROOT / "docs" / "howto-ci.md"

RED = {
    "build": Ended.SUCCESS,
    "stage": Ended.SUCCESS,
    "test": Ended.FAILURE,
    "publish": Ended.SKIPPED,
    "cancel": Ended.SUCCESS,
}
GREEN = {**RED, "test": Ended.SUCCESS, "publish": Ended.SUCCESS, "cancel": Ended.SKIPPED}


def session_tokens(team: TeamIndex) -> list[str]:
    with team.index.database.reading() as tx:
        return list(tx.scalars(select(schema.sessions.c.token)))


def states(team: TeamIndex, version: str) -> list[str]:
    with team.index.database.reading() as tx:
        found = tx.scalars(select(schema.sessions.c.state).where(schema.sessions.c.version == version))
        return sorted(each.value for each in found)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a copy of the example project."""
    left_out = shutil.ignore_patterns("dist", ".stage.toml", "__pycache__", ".*_cache")
    return Path(shutil.copytree(EXAMPLE, tmp_path / "repository", ignore=left_out))


def as_version(repository: Path, version: str) -> None:
    path = repository / "pyproject.toml"
    path.write_text(re.sub(r'^version = ".*"$', f'version = "{version}"', path.read_text(), flags=re.MULTILINE))


def break_tests(repository: Path) -> None:
    """Let the tests fail, of whatever is tested."""
    (repository / "tests" / "test_broken.py").write_text("def test_broken():\n    assert False\n")


def mend_tests(repository: Path) -> None:
    (repository / "tests" / "test_broken.py").unlink()


@pytest.mark.skipif(not has_bash(), reason="the services run bash")
@pytest.mark.usefixtures("home")
def test_a_release_goes_through_both_services(
    team: TeamIndex, repository: Path, tmp_path: Path, installer_caches: dict[str, str]
) -> None:
    def token(*permissions: Permission) -> str:
        return tokens.create(team.index, user="ci", projects=["lighthouse"], permissions=permissions)

    may_stage, may_publish = token(Permission.STAGE), token(Permission.PUBLISH)
    publisher = {"PUBLISH_TOKEN": may_publish, "STAGE_TOKEN": may_stage}
    github = GitHub(
        tmp_path,
        repository,
        installer_caches,
        {"STAGING_INDEX": team.url},
        {"": {"STAGE_TOKEN": may_stage}, "release": publisher, "discard": publisher},
    )
    gitlab = GitLab(
        tmp_path,
        repository,
        installer_caches,
        {"HATCH_INDEX_REPO": team.url},
        {
            "": {},
            "staging": {"HATCH_INDEX_AUTH": may_stage},
            "release": {"HATCH_INDEX_AUTH": may_publish},
            "discard": {"HATCH_INDEX_AUTH": may_publish},
        },
    )
    services: list[tuple[GitHub | GitLab, str]] = [(github, "1.2.0"), (gitlab, "1.3.0")]
    for service, version in services:
        as_version(repository, version)
        break_tests(repository)
        assert service.run() == RED, told(service)
        assert "1 failed, 1 passed" in told(service)
        assert states(team, version) == ["canceled"]
        mend_tests(repository)
        assert service.run(kept={"build"}) == GREEN, told(service)
        assert states(team, version) == ["canceled", "published"]
        assert f"default: lighthouse {version} from the stage (open" in told(service)

    # GitHub: no secret in what anybody may download, nor in the log, but for the command that masks it
    public = b"".join(content for files in github.artifacts.values() for content in files.values()).decode("latin-1")
    log = re.sub(r"^::add-mask::.*$", "", told(github), flags=re.MULTILINE)
    for secret in (*session_tokens(team), may_stage, may_publish):
        assert secret not in public + log + github.summary + told(gitlab)
    assert "lighthouse 1.2.0 is staged, not published" in github.summary
    assert [name for name, files in gitlab.artifacts.items() if ".stage.toml" in files] == ["stage"]


def told(service: Service) -> str:
    return "\n".join(service.log)


def test_publishing_waits_for_somebody() -> None:
    github = yaml.safe_load((EXAMPLE / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    assert github["publish"]["environment"] == "release"
    assert {name for name, job in github.items() if job.get("permissions", {}).get("id-token") == "write"} == {
        "stage",
        "publish",
        "cancel",
    }
    gitlab = yaml.safe_load((EXAMPLE / ".gitlab-ci.yml").read_text())
    assert (gitlab["publish"]["when"], gitlab["publish"]["allow_failure"]) == ("manual", False)
    assert gitlab["stage"]["artifacts"]["access"] == "developer"


def test_the_page_shows_the_very_files() -> None:
    shown = re.findall(r"^```\{literalinclude\} (\S+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    files = [EXAMPLE / ".github" / "workflows" / "release.yml", EXAMPLE / ".gitlab-ci.yml"]
    assert [(PAGE.parent / each).resolve() for each in shown] == files
