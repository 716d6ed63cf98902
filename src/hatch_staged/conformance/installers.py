"""pip and uv as they are, to install from a stage and from nowhere else."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hatch_staged.conformance.artifacts import Release

_PATIENCE = 120


@dataclass(frozen=True)
class Installer:
    """A command that installs, up to its options."""

    command: tuple[str, ...]

    def install(self, folder: Path, releases: Sequence[Release], stages: Sequence[str]) -> dict[str, str]:
        """Install `releases` with each of `stages` as an extra index; return the text of every module installed.

        Fails if the installer does.
        """
        # The index beside which the stages are extra has nothing.
        nothing, target = folder / "nothing", folder / "installed"
        nothing.mkdir()
        options = ["--no-deps", "--index-url", nothing.as_uri(), "--target", str(target)]
        for stage in stages:
            options += ["--extra-index-url", stage]
        requirements = [f"{release.project}=={release.version}" for release in releases]
        command = [*self.command, *self._trust(stages), *options, *requirements]
        result = subprocess.run(
            command, env=_environment(), capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
        told = (result.stderr or result.stdout).strip().rpartition("\n")[2]
        assert result.returncode == 0, f"the installer ended with {result.returncode}: {told}"
        return {path.name: path.read_text(encoding="utf-8") for path in target.glob("*.py")}

    def _trust(self, stages: Sequence[str]) -> list[str]:
        """Return the options that make plain HTTP good enough, which it is for who runs the suite."""
        option = "--trusted-host" if "-m" in self.command else "--allow-insecure-host"
        hosts = {urlsplit(stage).netloc for stage in stages if urlsplit(stage).scheme == "http"}
        return [word for host in sorted(hosts) for word in (option, host)]


def pip() -> Installer:
    """Return the pip of this Python; skip the check if it has none."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("this Python has no pip")
    options = ("--isolated", "--no-input", "--no-cache-dir", "--disable-pip-version-check", "--retries", "0")
    return Installer((sys.executable, "-m", "pip", "install", *options))


def uv() -> Installer:
    """Return uv; skip the check if it is not on the path."""
    path = shutil.which("uv")
    if path is None:
        pytest.skip("there is no uv on the path")
    return Installer((path, "pip", "install", "--no-config", "--no-cache", "--python", sys.executable))


def _environment() -> dict[str, str]:
    """Return the variables without what configures installers."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull}
