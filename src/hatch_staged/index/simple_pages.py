"""The pages of the simple repository API, from what the catalogue knows: as HTML or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from packaging.version import Version

from hatch_staged.index import simple_html
from hatch_staged.index.negotiation import Format
from hatch_staged.protocol.distributions import PROVENANCE_SUFFIX
from hatch_staged.protocol.simple import ListedFile, ListedProject, ProjectPage, RootPage, StagedSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_staged.index.catalogue import Listing
    from hatch_staged.index.records import Artifact, PublishingSession
    from hatch_staged.index.urls import Urls


def root(links: dict[str, str], kind: Format) -> bytes:
    """Return the list of projects; `links` are their pages by name."""
    if kind is Format.JSON:
        return msgspec.json.encode(RootPage(projects=tuple(ListedProject(name=name) for name in links)))
    return simple_html.root(links).encode()


def project(listing: Listing, url: Callable[[Artifact], str], kind: Format, links: Urls) -> bytes:
    """Return the list of a project's files; `url` says where one is downloaded, `links` where all else is."""
    # Of equal versions the spelling that was there first.
    latest_first = sorted(listing.artifacts, key=lambda artifact: artifact.upload_time, reverse=True)
    versions = {Version(artifact.version): artifact.version for artifact in latest_first}
    page = ProjectPage(
        name=listing.project,
        versions=tuple(versions[each] for each in sorted(versions)),
        files=tuple(_file(artifact, url(artifact)) for artifact in listing.artifacts),
        staged_session=msgspec.UNSET if listing.session is None else _session(listing.session, links),
    )
    return msgspec.json.encode(page) if kind is Format.JSON else simple_html.project(page).encode()


def _session(session: PublishingSession, links: Urls) -> StagedSession:
    return StagedSession(
        index=links.upload(),
        session=links.session(session.id),
        stage=links.stage(session.token),
        session_token=session.token,
        version=session.version,
        status=session.state,
        # as the session's own status tells it
        expires_at=session.expires_at.replace(microsecond=0),
    )


def _file(artifact: Artifact, url: str) -> ListedFile:
    return ListedFile(
        filename=artifact.filename,
        url=url,
        # The one that every installer knows; others trip over digests of algorithms that they do not expect.
        hashes={"sha256": artifact.hashes["sha256"]},
        requires_python=artifact.requires_python,
        size=artifact.size,
        upload_time=artifact.upload_time,
        core_metadata={"sha256": artifact.metadata_sha256},
        provenance=url + PROVENANCE_SUFFIX if artifact.attested else None,
    )
