"""The simple repository API for installers: what is published, and each stage (PEP 503, 691, 700, 714; PEP 694)."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from packaging.utils import canonicalize_name
from packaging.version import Version
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response, StreamingResponse

from hatch_staged.index import catalogue, simple_html, urls
from hatch_staged.index.fronts import Front, resource
from hatch_staged.index.negotiation import Format, choose
from hatch_staged.index.refusals import NotAcceptableError, UnknownError
from hatch_staged.protocol.distributions import METADATA_SUFFIX
from hatch_staged.protocol.simple import ListedFile, ListedProject, ProjectPage, RootPage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.routing import Route

    from hatch_staged.index.catalogue import Listing
    from hatch_staged.index.records import Artifact

# Installers ask again each time, so that a publication is seen at once.
_PUBLISHED_PAGE = {"Cache-Control": "no-cache", "Vary": "Accept"}
# Its hash is in its URL: it can never change.
_PUBLISHED_FILE = {"Cache-Control": "public, max-age=31536000, immutable"}
# A stage is for those who hold its token; it changes, and must not be found or kept by anybody on the way.
_STAGED = {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
}


class SimpleApi(Front):
    """The front for installers."""

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            *(self._without_slash(path, _PUBLISHED_PAGE) for path in (urls.SIMPLE, urls.SIMPLE_PROJECT)),
            *(self._without_slash(path, _STAGED) for path in (urls.STAGE, urls.STAGE_PROJECT)),
            resource(urls.SIMPLE, GET=self.published_root),
            resource(urls.SIMPLE_PROJECT, GET=self.published_project),
            resource(urls.PUBLISHED_FILE, GET=self.published_file),
            resource(urls.STAGE, GET=self.staged_root),
            resource(urls.STAGE_PROJECT, GET=self.staged_project),
            resource(urls.STAGED_FILE, GET=self.staged_file),
        ]

    async def published_root(self, request: Request) -> Response:
        """List the registered projects."""
        links = self.urls(request)
        names = await run_in_threadpool(catalogue.projects, self.index)
        return _root(request, {name: links.simple_project(name) for name in names}, _PUBLISHED_PAGE)

    async def published_project(self, request: Request) -> Response:
        """List the published files of a project."""
        links, name = self.urls(request), canonicalize_name(request.path_params["project"])
        if name != request.path_params["project"]:
            return RedirectResponse(links.simple_project(name), HTTPStatus.MOVED_PERMANENTLY.value)
        listing = await run_in_threadpool(catalogue.published, self.index, name)

        def url(artifact: Artifact) -> str:
            return links.published_file(artifact.hashes["sha256"], artifact.filename)

        return _project(request, listing, url, _PUBLISHED_PAGE)

    async def published_file(self, request: Request) -> Response:
        """Serve a published file, or its core metadata."""
        find = partial(catalogue.published_file, self.index, request.path_params["sha256"])
        return await self._file(request, find, _PUBLISHED_FILE)

    async def staged_root(self, request: Request) -> Response:
        """List the one project of a stage."""
        token = request.path_params["session_token"]
        listing = await run_in_threadpool(catalogue.staged, self.index, token)
        return _root(request, {listing.project: self.urls(request).stage_project(token, listing.project)}, _STAGED)

    async def staged_project(self, request: Request) -> Response:
        """List the completed files of a stage."""
        links, token = self.urls(request), request.path_params["session_token"]
        name = canonicalize_name(request.path_params["project"])
        listing = await run_in_threadpool(catalogue.staged, self.index, token)
        if name != listing.project:
            raise UnknownError(f"This stage has nothing of {name}.")
        if name != request.path_params["project"]:
            return RedirectResponse(
                links.stage_project(token, name), HTTPStatus.MOVED_PERMANENTLY.value, headers=_STAGED
            )

        def url(artifact: Artifact) -> str:
            return links.staged_file(token, artifact.filename)

        return _project(request, listing, url, _STAGED)

    async def staged_file(self, request: Request) -> Response:
        """Serve a file of a stage, or its core metadata."""
        find = partial(catalogue.staged_file, self.index, request.path_params["session_token"])
        return await self._file(request, find, _STAGED)

    def _without_slash(self, path: str, headers: Mapping[str, str]) -> Route:
        """Return the route for a page whose last slash was left out (PEP 503: it SHOULD be redirected)."""

        async def redirect(request: Request) -> Response:
            page = self.urls(request).fill(path, **request.path_params)
            return RedirectResponse(page, HTTPStatus.MOVED_PERMANENTLY.value, headers=headers)

        return resource(path.rstrip("/"), GET=redirect)

    async def _file(self, request: Request, find: Callable[[str], Artifact], headers: Mapping[str, str]) -> Response:
        filename: str = request.path_params["filename"]
        artifact = await run_in_threadpool(find, filename.removesuffix(METADATA_SUFFIX))
        if filename.endswith(METADATA_SUFFIX):
            raw = await run_in_threadpool(catalogue.core_metadata, self.index, artifact)
            return Response(raw, media_type="application/octet-stream", headers=headers)
        headers = {**headers, "Content-Length": str(artifact.size)}
        if request.method == "HEAD":
            return Response(media_type="application/octet-stream", headers=headers)
        chunks = await self.index.objects.stream(artifact.object_key)
        return StreamingResponse(chunks, media_type="application/octet-stream", headers=headers)


def _root(request: Request, links: dict[str, str], headers: Mapping[str, str]) -> Response:
    kind = _format(request)
    if kind is Format.JSON:
        page = RootPage(projects=tuple(ListedProject(name=name) for name in links))
        return Response(msgspec.json.encode(page), media_type=kind.value, headers=headers)
    return Response(simple_html.root(links), media_type=kind.value, headers=headers)


def _project(
    request: Request, listing: Listing, url: Callable[[Artifact], str], headers: Mapping[str, str]
) -> Response:
    kind = _format(request)
    # Of equal versions the spelling that was there first.
    latest_first = sorted(listing.artifacts, key=lambda artifact: artifact.upload_time, reverse=True)
    versions = {Version(artifact.version): artifact.version for artifact in latest_first}
    files = tuple(
        ListedFile(
            filename=artifact.filename,
            url=url(artifact),
            # The one that every installer knows; others trip over digests of algorithms that they do not expect.
            hashes={"sha256": artifact.hashes["sha256"]},
            requires_python=artifact.requires_python,
            size=artifact.size,
            upload_time=artifact.upload_time,
            core_metadata={"sha256": artifact.metadata_sha256},
        )
        for artifact in listing.artifacts
    )
    page = ProjectPage(name=listing.project, versions=tuple(versions[each] for each in sorted(versions)), files=files)
    content = msgspec.json.encode(page) if kind is Format.JSON else simple_html.project(page)
    return Response(content, media_type=kind.value, headers=headers)


def _format(request: Request) -> Format:
    accept = ",".join(request.headers.getlist("accept"))
    kind = choose(accept)
    if kind is None:
        raise NotAcceptableError(f"There is {', '.join(each.value for each in Format)}; not {accept}.")
    return kind
