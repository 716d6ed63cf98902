"""The legacy upload API over HTTP, for ``twine upload``, ``uv publish`` and ``hatch publish``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hatch_staged.index import legacy, multipart, urls
from hatch_staged.index.fronts import Front, resource

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route


class LegacyApi(Front):
    """The front for clients that publish file by file."""

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [resource(urls.LEGACY, POST=self.upload)]

    async def upload(self, request: Request) -> Response:
        """Take a form with a file, and publish it.  Twine takes 200 for success, and nothing else."""
        principal = await run_in_threadpool(self.principal, request)
        form = multipart.parts(request.stream(), request.headers.get("content-type", ""))
        await legacy.upload(self.index, principal, form)
        return Response(headers={"Cache-Control": "no-store"})
