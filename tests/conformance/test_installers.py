"""Installers as the suite runs them: with nothing of the caller's but whom to trust."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_staged.conformance.artifacts import Release
from hatch_staged.conformance.installers import Installer

if TYPE_CHECKING:
    from pathlib import Path

STAGE = "https://index.test/stage/t0ken/simple/"
FOO = Release("foo")


def scripted(script: str, patience: float = 60) -> Installer:
    return Installer((sys.executable, "-c", script), patience)


def test_an_installer_knows_whom_to_trust_and_nothing_else_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_CERT", "SSL_CERT_FILE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX", "PIP_TARGET"):
        monkeypatch.setenv(name, "mine")
    script = """if True:
        import json, os, pathlib, sys
        target = pathlib.Path(sys.argv[sys.argv.index("--target") + 1])
        target.mkdir()
        (target / "seen.py").write_text(json.dumps(dict(os.environ)))
    """
    seen = json.loads(scripted(script).install(tmp_path, [FOO], [STAGE])["seen.py"])
    assert {name for name, value in seen.items() if value == "mine"} == {"PIP_CERT", "SSL_CERT_FILE"}


def test_an_installer_that_fails_fails_the_check_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the installer ended with 1: no such release"):
        scripted("raise SystemExit('no such release')").install(tmp_path, [FOO], [STAGE])


def test_an_installer_that_does_not_end_fails_the_check_without_the_stage(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="did not end within 0 seconds") as caught:
        scripted("import time; time.sleep(60)", patience=0.1).install(tmp_path, [FOO], [STAGE])
    assert "t0ken" not in str(caught.value)
