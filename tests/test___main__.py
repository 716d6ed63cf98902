"""``python -m hatch_staged``."""

from __future__ import annotations

import subprocess
import sys


def test_it_is_the_same_command_under_its_own_name() -> None:
    command = [sys.executable, "-m", "hatch_staged", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown.startswith("Usage: hatch-staged [OPTIONS]")
