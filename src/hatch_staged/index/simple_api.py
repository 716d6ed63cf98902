"""The simple repository API for installers: what is published, and each stage (PEP 503, 691, 700, 714; PEP 694)."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response, StreamingResponse

from hatch_staged.index import catalogue, conditions, simple_pages, urls
from hatch_staged.index.fronts import Front, resource
from hatch_staged.index.negotiation import Format, choose
from hatch_staged.index.page_cache import PageCache
from hatch_staged.index.refusals import NotAcceptableError, UnknownError
from hatch_staged.protocol.distributions import METADATA_SUFFIX, PROVENANCE_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.routing import Route

    from hatch_staged.index.core import Index
    from hatch_staged.index.records import Artifact

_BYTES = "application/octet-stream"
_JSON = "application/json"
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

    def __init__(self, index: Index, base_url: str | None) -> None:
        super().__init__(index, base_url)
        self._pages = PageCache(index.database)

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            *(self._without_slash(path, _PUBLISHED_PAGE) for path in (urls.SIMPLE, urls.SIMPLE_PROJECT)),
            *(self._without_slash(path, _STAGED) for path in (urls.STAGE, urls.STAGE_PROJECT)),
            resource(urls.SIMPLE, GET=self.published_root),
            resource(urls.SIMPLE_PROJECT, GET=self.published_project),
            resource(urls.LEGACY_PROJECT, GET=self.published_project),
            resource(urls.PUBLISHED_FILE, GET=self.published_file),
            resource(urls.STAGE, GET=self.staged_root),
            resource(urls.STAGE_PROJECT, GET=self.staged_project),
            resource(urls.STAGED_FILE, GET=self.staged_file),
        ]

    async def published_root(self, request: Request) -> Response:
        """List the registered projects."""
        kind, links = _format(request), self.urls(request)

        def make() -> Response:
            names = catalogue.projects(self.index)
            return _page(simple_pages.root({name: links.simple_project(name) for name in names}, kind), kind)

        return _unless_known(request, await self._pages.get((kind, links.base), make))

    async def published_project(self, request: Request) -> Response:
        """List the published files of a project."""
        kind, links = _format(request), self.urls(request)
        name = canonicalize_name(request.path_params["project"])
        if name != request.path_params["project"]:
            return RedirectResponse(links.simple_project(name), HTTPStatus.MOVED_PERMANENTLY.value)

        def make() -> Response:
            listing = catalogue.published(self.index, name)

            def url(artifact: Artifact) -> str:
                return links.published_file(artifact.hashes["sha256"], artifact.filename)

            return _page(simple_pages.project(listing, url, kind, links), kind)

        return _unless_known(request, await self._pages.get((kind, links.base, name), make))

    async def published_file(self, request: Request) -> Response:
        """Serve a published file, its core metadata, or its provenance."""
        find = partial(catalogue.published_file, self.index, request.path_params["sha256"])
        return await self._file(request, find, _PUBLISHED_FILE)

    async def staged_root(self, request: Request) -> Response:
        """List the one project of a stage."""
        token = request.path_params["session_token"]
        kind = _format(request)
        listing = await run_in_threadpool(catalogue.staged, self.index, token)
        links = {listing.project: self.urls(request).stage_project(token, listing.project)}
        return Response(simple_pages.root(links, kind), media_type=kind.value, headers=_STAGED)

    async def staged_project(self, request: Request) -> Response:
        """List the completed files of a stage."""
        links, kind, token = self.urls(request), _format(request), request.path_params["session_token"]
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

        return Response(simple_pages.project(listing, url, kind, links), media_type=kind.value, headers=_STAGED)

    async def staged_file(self, request: Request) -> Response:
        """Serve a file of a stage, its core metadata, or its provenance."""
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
        suffix = next((each for each in (METADATA_SUFFIX, PROVENANCE_SUFFIX) if filename.endswith(each)), "")
        filename = filename.removesuffix(suffix)
        artifact = await run_in_threadpool(find, filename)
        if suffix == METADATA_SUFFIX:
            raw = await run_in_threadpool(catalogue.core_metadata, self.index, artifact)
            return Response(raw, media_type=_BYTES, headers=headers)
        if suffix == PROVENANCE_SUFFIX:
            raw = await run_in_threadpool(catalogue.provenance, self.index, artifact)
            return Response(raw, media_type=_JSON, headers=headers)
        tag = f'"{artifact.hashes["sha256"]}"'
        headers = {**headers, "ETag": tag, "Accept-Ranges": "bytes"}
        if conditions.is_known(request.headers, tag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED.value, headers=headers)
        part = conditions.wanted(request.headers, tag, artifact.size)
        begin, end = part or (0, artifact.size)
        headers["Content-Length"] = str(end - begin)
        if part is not None:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{artifact.size}"
        status = HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT
        if request.method == "HEAD" or begin == end:
            return Response(status_code=status.value, media_type=_BYTES, headers=headers)
        try:
            chunks = await self.index.objects.stream(artifact.object_key, begin, end)
        except FileNotFoundError:
            # Deleted or replaced meanwhile, which `find` may say better; if not, the bytes are lost.
            if await run_in_threadpool(find, filename) == artifact:
                raise
            raise UnknownError(f"{filename} was replaced.") from None
        return StreamingResponse(chunks, status_code=status.value, media_type=_BYTES, headers=headers)


def _format(request: Request) -> Format:
    accept = ",".join(request.headers.getlist("accept"))
    kind = choose(accept)
    if kind is None:
        raise NotAcceptableError(f"There is {', '.join(each.value for each in Format)}; not {accept}.")
    return kind


def _page(content: bytes, kind: Format) -> Response:
    headers = {**_PUBLISHED_PAGE, "ETag": conditions.entity_tag(content)}
    return Response(content, media_type=kind.value, headers=headers)


def _unless_known(request: Request, page: Response) -> Response:
    tag = page.headers["etag"]
    if not conditions.is_known(request.headers, tag):
        return page
    return Response(status_code=HTTPStatus.NOT_MODIFIED.value, headers={**_PUBLISHED_PAGE, "ETag": tag})
