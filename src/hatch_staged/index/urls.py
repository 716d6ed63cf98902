"""The URLs of the index: every path in one place, as routes and as links.

A stage's URL follows from its session token: ``/stage/<session-token>/simple/``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from hatch_staged.index.uploads import FileAddress

HOME = "/"
HEALTH = "/-/health"
METRICS = "/-/metrics"
OPENAPI = "/-/openapi.json"

UPLOAD = "/upload/"
SESSION = "/upload/sessions/{session_id}/"
SESSION_FILES = SESSION + "files/"
PUBLISH = SESSION + "publish/"
EXTEND = SESSION + "extend/"
# The URL of a file "MUST use the same publishing session token" as its stage.
FILE = "/upload/files/{session_token}/{file_id}/"
FILE_BYTES = FILE + "bytes/"
FILE_ATTESTATIONS = FILE + "attestations/"
COMPLETE = FILE + "complete/"

LEGACY = "/legacy/"
# Where `hatch publish` looks for what is published already: it takes every index but PyPI for a devpi.
LEGACY_PROJECT = "/legacy/+simple/{project}/"

SIMPLE = "/simple/"
SIMPLE_PROJECT = "/simple/{project}/"
PUBLISHED_FILE = "/files/{sha256}/{filename}"
STAGE = "/stage/{session_token}/simple/"
STAGE_PROJECT = "/stage/{session_token}/simple/{project}/"
STAGED_FILE = "/stage/{session_token}/files/{filename}"


@dataclass(frozen=True)
class Urls:
    """Absolute URLs; `base` is the URL of the index's root, without the last slash."""

    base: str

    def upload(self) -> str:
        """Return the Upload 2.0 root endpoint."""
        return self.base + UPLOAD

    def session(self, session_id: str, path: str = SESSION) -> str:
        """Return the URL of a publishing session, or of what `path` names in it."""
        return self.fill(path, session_id=session_id)

    def file(self, address: FileAddress, path: str = FILE) -> str:
        """Return the URL of a file upload session, or of what `path` names in it."""
        return self.fill(path, session_token=address.session_token, file_id=address.file_id)

    def legacy(self) -> str:
        """Return the endpoint of the legacy upload API."""
        return self.base + LEGACY

    def simple(self) -> str:
        """Return the simple index of everything published."""
        return self.base + SIMPLE

    def simple_project(self, project: str) -> str:
        """Return the page of a published project."""
        return self.fill(SIMPLE_PROJECT, project=project)

    def published_file(self, sha256: str, filename: str) -> str:
        """Return where a published file is downloaded."""
        return self.fill(PUBLISHED_FILE, sha256=sha256, filename=filename)

    def stage(self, session_token: str) -> str:
        """Return the simple index of a stage."""
        return self.fill(STAGE, session_token=session_token)

    def stage_project(self, session_token: str, project: str) -> str:
        """Return the page of a project in a stage."""
        return self.fill(STAGE_PROJECT, session_token=session_token, project=project)

    def staged_file(self, session_token: str, filename: str) -> str:
        """Return where a file of a stage is downloaded."""
        return self.fill(STAGED_FILE, session_token=session_token, filename=filename)

    def fill(self, path: str, **values: str) -> str:
        """Return the URL of any of the paths above, with `values` in its places."""
        return self.base + path.format(**{name: quote(value, safe="") for name, value in values.items()})
