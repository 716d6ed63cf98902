"""All that a plugin needs: see "Write a plugin" in the documentation."""

from __future__ import annotations

from hatch_staged.client.answers import Answer
from hatch_staged.client.artifacts import Artifact, Release
from hatch_staged.client.checks import Finding, Severity
from hatch_staged.client.plugins import hookimpl
from hatch_staged.client.sending import Mechanism, Upload
from hatch_staged.errors import StagedError

__all__ = ["Answer", "Artifact", "Finding", "Mechanism", "Release", "Severity", "StagedError", "Upload", "hookimpl"]
