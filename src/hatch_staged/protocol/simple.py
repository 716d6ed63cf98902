"""A project page of the simple repository API as JSON: PEP 691.

With PEP 700's sizes and times, PEP 714's metadata, and PEP 740's provenance.

An index writes it, a client reads it; a stage (PEP 694, "Staged Previews") is such a page for one release.
"""

from __future__ import annotations

import msgspec

from hatch_staged.protocol.messages import Timestamp
from hatch_staged.protocol.states import SessionState

#: Version 1.1 is PEP 700: ``versions``, ``size`` and ``upload-time``; 1.3 is PEP 740: ``provenance``.  What 1.2 has
#: (PEP 708), an index need not have.
API_VERSION = "1.3"


class Meta(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """The version of the simple API that a page speaks; readers accept every 1.x."""

    api_version: str = API_VERSION


class ListedFile(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", omit_defaults=True):
    """One file of a project page."""

    filename: str
    url: str
    #: hash name to hex-encoded digest; may be empty
    hashes: dict[str, str]
    requires_python: str | None = None
    #: in bytes
    size: int | None = None
    upload_time: Timestamp | None = None
    #: True or a mapping of hashes when ``<url>.metadata`` is there (PEP 714)
    core_metadata: bool | dict[str, str] = False
    yanked: bool | str = False
    #: the URL of the file's provenance (PEP 740), if it has one
    provenance: str | None = None


class StagedSession(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """What a stage of our index tells of its publishing session: all that a stage file names beside the files.

    Whoever reads it has the session token, which the stage file has, too.  PEP 694 has no such thing: a session tells
    it to those who may upload, and a stage is a simple index.
    """

    #: the root endpoint, and two links of the session
    index: str
    session: str
    stage: str
    session_token: str
    version: str
    status: SessionState
    expires_at: Timestamp


class ProjectPage(msgspec.Struct, frozen=True, kw_only=True):
    """``/simple/<project>/``."""

    meta: Meta = Meta()
    name: str
    versions: tuple[str, ...] = ()
    files: tuple[ListedFile, ...]
    #: "Keys (at any level) with a leading underscore are reserved as private for index server use."
    staged_session: StagedSession | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="_hatch-staged")


class ListedProject(msgspec.Struct, frozen=True, kw_only=True):
    """One project of the root page."""

    name: str


class RootPage(msgspec.Struct, frozen=True, kw_only=True):
    """``/simple/``."""

    meta: Meta = Meta()
    projects: tuple[ListedProject, ...]
