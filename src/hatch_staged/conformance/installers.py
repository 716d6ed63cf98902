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

# Of the variables of installers, those that say whom to trust.
_TRUST = {"PIP_CERT", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS"}


@dataclass(frozen=True)
class Installer:
    """A command that installs, up to its options."""

    command: tuple[str, ...]
    #: for how long it may work (seconds)
    patience: float = 120

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
        try:
            result = subprocess.run(
                command, env=_environment(), capture_output=True, text=True, timeout=self.patience, check=False
            )
        except subprocess.TimeoutExpired:
            # Its message has the whole command, and the stages' tokens in it.
            pytest.fail(f"the installer did not end within {self.patience:.0f} seconds")
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
    options = ("--no-input", "--no-cache-dir", "--disable-pip-version-check", "--retries", "0")
    return Installer((sys.executable, "-m", "pip", "install", *options))


def uv() -> Installer:
    """Return uv; skip the check if it is not on the path."""
    path = shutil.which("uv")
    if path is None:
        pytest.skip("there is no uv on the path")
    return Installer((path, "pip", "install", "--no-config", "--no-cache", "--python", sys.executable))


def _environment() -> dict[str, str]:
    """Return the variables without what configures installers, but with the certificates that they may trust."""
    kept = {name: value for name, value in os.environ.items() if name in _TRUST or not name.startswith(("PIP_", "UV_"))}
    return {**kept, "PIP_CONFIG_FILE": os.devnull}
