"""A stage file in a public repository, and a teammate who was told the session token and nothing else."""

from __future__ import annotations

import re
import shutil
import venv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.journeys.conftest import Person, RunningIndex


def test_from_a_public_stage_file_to_the_staged_bytes(
    maintainer: Person, teammate: Person, index: RunningIndex, make_project: Callable[..., Path], tmp_path: Path
) -> None:
    ours, theirs = make_project("ours", origin="release"), make_project("theirs", origin="checkout", installer="uv")
    for project in (ours, theirs):
        with (project / "pyproject.toml").open("a") as file:
            file.write("[tool.hatch.publish.staged]\nshare-token = false\n")
    maintainer.build(ours)
    staged = maintainer.hatch("publish", "--staged", "-r", index.url, "-a", index.token, cwd=ours)
    assert staged.code == 0, staged.err
    public = (ours / ".stage.toml").read_bytes()
    lines = maintainer.stage("export", "--format", "env", cwd=ours)
    found = re.search("^export HATCH_STAGE_TOKEN=(.{43,})$", lines.out, re.MULTILINE)
    assert found is not None, lines.err
    token = found[1]
    assert token.encode() not in public
    assert token not in staged.out + staged.err

    shutil.copy(ours / ".stage.toml", theirs)
    refused = teammate.hatch("run", "test", cwd=theirs)
    assert (refused.code, refused.out) == (4, "")
    assert "HATCH_STAGE_TOKEN" in refused.err
    tested = teammate.hatch("-v", "run", "test", cwd=theirs, HATCH_STAGE_TOKEN=token)
    assert (tested.code, tested.out.split()[-1]) == (0, "release"), tested.err
    assert tested.err.startswith("default: lantern 1.0 from the stage (open, expires in 6 days)")
    shown = teammate.stage("status", cwd=theirs, HATCH_STAGE_TOKEN=token)
    assert shown.out.startswith(f"lantern 1.0 on {index.url}: open")

    (theirs / ".stage.toml").unlink()
    pulled = teammate.stage("pull", "--token", token, "--repo", index.url, cwd=theirs)
    assert pulled.code == 0, pulled.err
    assert (theirs / ".stage.toml").read_bytes() == public

    # what was pulled here needs no variable
    venv.create(tmp_path / "environment", with_pip=False)
    installed = teammate.stage("install", "--python", str(tmp_path / "environment"), "-vv", cwd=theirs)
    assert (installed.code, installed.out.partition(" for ")[0]) == (0, "lantern 1.0 is installed"), installed.err
    [module] = (tmp_path / "environment").rglob("lantern/__init__.py")
    assert "release" in module.read_text()
    for ran in (refused, tested, shown, pulled, installed):
        assert token not in ran.out + ran.err
