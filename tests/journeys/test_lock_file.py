"""Tools for lock files install a staged release from a copy of its stage file, without us."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.journeys.conftest import Person, RunningIndex


def test_pip_and_uv_install_from_a_copy(
    maintainer: Person, teammate: Person, index: RunningIndex, make_project: Callable[..., Path], tmp_path: Path
) -> None:
    project = make_project("ours", origin="release")
    maintainer.build(project)
    staged = maintainer.hatch("publish", "--staged", "-r", index.url, "-a", index.token, cwd=project)
    assert staged.code == 0, staged.err
    lock = tmp_path / "pylock.stage.toml"
    shutil.copy(project / ".stage.toml", lock)
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    uv = ["uv", "pip", "install", "--python", sys.executable]
    for number, command in enumerate((pip, uv)):
        target = tmp_path / str(number)
        installed = teammate.run([*command, "--target", str(target), "-r", lock.name], cwd=tmp_path)
        assert installed.code == 0, installed.err
        assert (target / "lantern" / "__init__.py").read_text() == "ORIGIN = 'release'\n"

    # they compare what they get with the hashes
    [wheel] = (project / "dist").glob("*.whl")
    content = lock.read_text()
    [sha256] = {line.partition('sha256 = "')[2][:64] for line in content.splitlines() if wheel.name in line}
    lock.write_text(content.replace(sha256, "0" * 64))
    for number, command in enumerate((pip, uv), 2):
        target = tmp_path / str(number)
        refused = teammate.run([*command, "--target", str(target), "-r", lock.name], cwd=tmp_path)
        assert refused.code != 0
        assert not (target / "lantern").exists()
