"""For people, programs and monitors: the page at ``/``, the description of the index, and its health."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response

from hatch_staged import __version__
from hatch_staged.index import openapi, urls
from hatch_staged.index.database import project_rows
from hatch_staged.index.fronts import Front, resource

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

_HOME = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>hatch-staged index</title></head>
<body>
<h1>A Python package index with staged releases</h1>
<p>This is the index of hatch-staged {version}. It speaks Upload 2.0
(<a href="https://peps.python.org/pep-0694/">PEP 694</a>): a release is uploaded as a whole, can be tried by whoever
holds its session token, and becomes public at once.</p>
<dl>
<dt><code>{upload}</code></dt><dd>Upload 2.0: POST here to create a publishing session</dd>
<dt><a href="{simple}"><code>{simple}</code></a></dt><dd>what is published, for installers</dd>
<dt><code>{stage}</code></dt><dd>what is staged, for holders of the token</dd>
<dt><code>{legacy}</code></dt><dd>Upload 1.0, for twine, uv and plain Hatch: each file becomes public at once</dd>
<dt><a href="{openapi}"><code>{openapi}</code></a></dt><dd>all of this, described with OpenAPI</dd>
</dl>
<h2>With Hatch</h2>
<p>In <code>pyproject.toml</code>:</p>
<pre>[tool.hatch.publish.staged]
repo = "team"

[tool.hatch.publish.staged.repos.team]
url = "{upload}"
simple = "{simple}"</pre>
<p>Then <code>hatch publish --staged</code> uploads, <code>hatch run test</code> tries what was uploaded, and
<code>hatch stage publish</code> makes it public. Ask the operator of this index for a token.</p>
</body>
</html>
"""


class Pages(Front):
    """The front for people and monitors."""

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            resource(urls.HOME, GET=self.home),
            resource(urls.HEALTH, GET=self.health),
            resource(urls.OPENAPI, GET=self.openapi),
        ]

    async def home(self, request: Request) -> Response:
        """Say what this is, where its endpoints are, and how to use it from Hatch."""
        links = self.urls(request)
        places = {
            "upload": links.upload(),
            "simple": links.simple(),
            "legacy": links.legacy(),
            "openapi": links.base + urls.OPENAPI,
            "stage": links.base + urls.STAGE.replace("{session_token}", "<session-token>"),
        }
        told = {name: escape(url) for name, url in places.items()}
        return HTMLResponse(_HOME.format(version=escape(__version__), **told))

    async def health(self, _request: Request) -> Response:
        """Answer 200 when the database answers."""
        await run_in_threadpool(self._ask_database)
        return JSONResponse({"status": "ok", "version": __version__}, headers={"Cache-Control": "no-store"})

    async def openapi(self, request: Request) -> Response:
        """Describe the index for programs."""
        return Response(openapi.describe(self.urls(request).base), media_type=openapi.CONTENT_TYPE)

    def _ask_database(self) -> None:
        with self.index.database.reading() as tx:
            # A transaction alone would not look at the file.
            project_rows.registered(tx)
