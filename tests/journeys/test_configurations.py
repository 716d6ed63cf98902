"""Whatever an environment is configured with: what is staged is installed, and the rest as ever."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from tests.journeys import train
from tests.journeys.conftest import PATIENCE
from tests.journeys.train import LANTERN, TALLOW, WICK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.journeys.conftest import Person, RunningIndex

GROUPED, EXTRA = "mantle_of_the_lantern", "handle_of_the_lantern"

#: By the names of distributions and modules alike.
SHOWN = (LANTERN, WICK, TALLOW, GROUPED, EXTRA)
SHOW = f"import {', '.join(SHOWN)}; print({', '.join(f'{name}.ORIGIN' for name in SHOWN)}, sep=chr(10))"

MEMBER = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "{name}"
version = "1.0"
dependencies = ["needed-by-no-staged-release"]
"""


@pytest.fixture
def stage_file(maintainer: Person, index: RunningIndex, make_project: Callable[..., Path]) -> Path:
    """Return the stage file of a release train: a lantern, a wick for the extra `lit`, and its tallow."""
    project = make_project("staged", origin="never built")
    needs = ("Provides-Extra: lit", f"Requires-Dist: {WICK}; extra == 'lit'")
    more = ("Provides-Extra: long", f"Requires-Dist: {TALLOW}; extra == 'long'")
    made = [train.make_wheel(name, "py3-none-any", *lines) for name, lines in ((LANTERN, needs), (WICK, more))]
    train.write(project / "dist", [*made, train.make_sdist(TALLOW)])
    staged = maintainer.hatch("publish", "--staged", "-r", index.url, "-a", index.token, "dist", cwd=project)
    assert staged.code == 0, staged.err
    return project / ".stage.toml"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a folder that installers look into: what is staged nowhere, and other bytes of what is."""
    folder = tmp_path / "elsewhere"
    train.write(folder, [train.make_wheel(name, origin=f"{name} from elsewhere") for name in (LANTERN, GROUPED, EXTRA)])
    return folder


@pytest.fixture
def configure(make_project: Callable[..., Path], stage_file: Path) -> Callable[..., Path]:
    """Return a function that makes a checkout whose default environment has these lines, with the stage file."""

    def make(options: str, *, installer: str, more: str = "") -> Path:
        checkout = make_project("checkout", origin="checkout", installer=installer)
        path = checkout / "pyproject.toml"
        table = "[tool.hatch.envs.default]\n"
        path.write_text(path.read_text().replace(table, f"{more}\n{table}{options}\n"))
        shutil.copy(stage_file, checkout)
        return checkout

    return make


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_all_at_once(teammate: Person, configure: Callable[..., Path], elsewhere: Path, installer: str) -> None:
    pip = "uv pip install" if installer == "uv" else "python -m pip install"
    by_hand = f"{pip} --quiet --no-deps --no-index --find-links {elsewhere.as_posix()} --force-reinstall lantern"
    options = f"""
        features = ["lit"]
        dependency-groups = ["grouped"]
        extra-dependencies = ["{EXTRA}"]
        system-packages = true
        pre-install-commands = ["{by_hand}"]
        post-install-commands = ["{by_hand}"]
        sources = {{lantern = {{path = "."}}, {WICK} = {{workspace = true}}}}
        workspace.members = [{{path = "members/wick", features = ["long"]}}, "members/tallow"]
    """
    more = f'optional-dependencies.lit = ["only-the-checkout-needs-this"]\n[dependency-groups]\ngrouped = ["{GROUPED}"]'
    checkout = configure(options, installer=installer, more=more.partition("\n")[2])
    path = checkout / "pyproject.toml"
    path.write_text(path.read_text().replace("requires-python", f"{more.partition(chr(10))[0]}\nrequires-python"))
    for name, folder in ((WICK, "wick"), (TALLOW, "tallow")):
        member = checkout / "members" / folder
        member.mkdir(parents=True)
        text = MEMBER.format(name=name) + 'optional-dependencies.long = ["only-the-checkout-needs-this"]\n'
        (member / "pyproject.toml").write_text(text)
    looking = {"PIP_FIND_LINKS": str(elsewhere), "UV_FIND_LINKS": str(elsewhere)}
    for _ in range(2):
        ran = teammate.hatch("run", "python", "-c", SHOW, cwd=checkout, **looking)
        assert ran.code == 0, ran.out + ran.err
        assert ran.out.split("\n")[-6:-1] == [
            "lantern-1.0-py3-none-any.whl",
            f"{WICK}-1.0-py3-none-any.whl",
            f"{TALLOW}-1.0.tar.gz",
            f"{GROUPED} from elsewhere",
            f"{EXTRA} from elsewhere",
        ]


def test_without_the_project_the_others_are_installed(teammate: Person, configure: Callable[..., Path]) -> None:
    checkout = configure("skip-install = true", installer="uv")
    show = f"import importlib.util, {WICK}; print({WICK}.ORIGIN, importlib.util.find_spec('lantern'))"
    ran = teammate.hatch("run", "python", "-c", show, cwd=checkout)
    assert (ran.code, ran.out) == (0, f"{WICK}-1.0-py3-none-any.whl None\n"), ran.err


def test_a_lock_file_is_followed_and_left_alone(
    teammate: Person, configure: Callable[..., Path], elsewhere: Path
) -> None:
    newer = train.make_wheel(EXTRA, version="2.0")
    train.write(elsewhere, [newer])
    [locked] = [path for path in elsewhere.iterdir() if path.name.startswith(f"{EXTRA}-1.0")]
    checkout = configure(f'locked = true\nfeatures = ["lit", "new"]\ndependencies = ["{EXTRA}"]', installer="uv")
    path = checkout / "pyproject.toml"
    features = 'optional-dependencies = {lit = ["x"], new = ["y"]}'
    path.write_text(path.read_text().replace("requires-python", f"{features}\nrequires-python"))
    refused = teammate.hatch("run", "python", "-c", SHOW, cwd=checkout)
    assert (refused.code, len(refused.complaint)) == (2, 3)
    assert "HATCH_STAGED=off hatch env lock default" in refused.err

    made = train.make_wheel(EXTRA, origin=f"{EXTRA} from elsewhere")
    name = EXTRA.replace("_", "-")
    wheel = f'{{path = "{locked.as_posix()}", hashes = {{sha256 = "{made.sha256}"}}}}'
    lock = checkout / "pylock.toml"
    lock.write_text(
        f'lock-version = "1.0"\ncreated-by = "us"\n[[packages]]\nname = "{name}"\nversion = "1.0"\nwheels = [{wheel}]\n'
    )
    before = lock.read_bytes()
    show = f"import {EXTRA}, {LANTERN}, {WICK}; print({EXTRA}.ORIGIN, {LANTERN}.ORIGIN, sep=chr(10))"
    ran = teammate.hatch("run", "python", "-c", show, cwd=checkout, UV_FIND_LINKS=str(elsewhere))
    assert ran.out.splitlines() == [f"{EXTRA} from elsewhere", "lantern-1.0-py3-none-any.whl"], ran.err
    assert lock.read_bytes() == before
    assert "default: the staged lantern has no feature `new`" in ran.err


def test_environments_are_shown_found_removed_and_pruned(teammate: Person, configure: Callable[..., Path]) -> None:
    checkout = configure("", installer="uv")

    def environments() -> set[str]:
        """Return the types of which there are environments of this project."""
        return {path.parts[-5] for path in (teammate.home / "data" / "env").glob("*/lantern/*/lantern/pyvenv.cfg")}

    def hatch(*arguments: str, **variables: str) -> str:
        ran = teammate.hatch(*arguments, cwd=checkout, **variables)
        assert ran.code == 0, ran.err
        return ran.out

    assert json.loads(hatch("env", "show", "--json"))["default"]["type"] == "staged"
    assert "staged" in hatch("env", "show")
    hatch("env", "create")
    hatch("env", "create", HATCH_STAGED="off")
    assert environments() == {"staged", "virtual"}
    found = [hatch("env", "find").strip(), hatch("env", "find", HATCH_STAGED="off").strip()]
    assert ["staged" in found[0], "virtual" in found[1]] == [True, True]
    hatch("env", "remove")
    assert environments() == {"virtual"}
    hatch("env", "create")
    # whatever has become of the stage, or of the file
    (checkout / ".stage.toml").write_text("broken")
    hatch("env", "show")
    hatch("env", "prune")
    assert environments() == {"virtual"}
    hatch("env", "prune", HATCH_STAGED="off")
    assert environments() == set()


def test_a_shell_is_entered(teammate: Person, configure: Callable[..., Path]) -> None:
    pty = pytest.importorskip("pty", reason="needs a pseudo-terminal")
    checkout = configure("", installer="uv")
    show = 'python -c "import lantern; print(lantern.ORIGIN)"\nexit\n'
    main, terminal = pty.openpty()
    command = [*teammate.hatch_command, "shell", "--name", "sh", "--path", "/bin/sh"]
    with subprocess.Popen(
        command, cwd=checkout, env=teammate.variables, stdin=terminal, stdout=terminal, stderr=terminal
    ) as process:
        os.close(terminal)
        os.write(main, show.encode())
        seen = b""
        # a terminal whose other end is closed cannot be read
        with suppress(OSError):
            while piece := os.read(main, 1024):
                seen += piece
        assert process.wait(PATIENCE) == 0
    os.close(main)
    assert b"lantern-1.0-py3-none-any.whl\r\n" in seen, seen
