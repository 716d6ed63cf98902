"""The index as an ASGI application."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware

from hatch_staged.index import expiry, worker
from hatch_staged.index.background import Repeated
from hatch_staged.index.capacity import Capacity
from hatch_staged.index.legacy_api import LegacyApi
from hatch_staged.index.metrics import Metered, Metrics
from hatch_staged.index.pages import Pages
from hatch_staged.index.patience import Patience
from hatch_staged.index.problem_responses import ProblemResponses
from hatch_staged.index.simple_api import SimpleApi
from hatch_staged.index.upload_api import UploadApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hatch_staged.index.core import Index
    from hatch_staged.index.worker import Work


def create_app(index: Index, *, base_url: str | None = None, work: Work = worker.work) -> Starlette:
    """Return the application that serves `index`; while it runs, it also sweeps, and lets `work` do what is left to it.

    `base_url` is the URL of its root as clients see it; without one, links point where the request went.
    """
    sweeping = Repeated("sweeping", partial(expiry.sweep, index), every=index.limits.sweep_interval)
    working = Repeated("working", partial(work, index), every=index.limits.work_interval)
    metrics = Metrics(index, base_url)
    # Installers ask most often, and routes are tried in order.
    fronts = (
        SimpleApi(index, base_url),
        UploadApi(index, base_url, wake=working.wake),
        LegacyApi(index, base_url),
        Pages(index, base_url),
        metrics,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with sweeping, working:
            yield

    app = Starlette(
        middleware=[
            Middleware(Metered, metrics=metrics),
            Middleware(Capacity),
            Middleware(Patience, timeout=index.limits.body_timeout),
        ],
        routes=[route for front in fronts for route in front.routes()],
        exception_handlers=ProblemResponses(index, base_url).handlers(),
        lifespan=lifespan,
    )
    # Starlette's redirects do not know `base_url`, nor what may be kept: `SimpleApi` has its own.
    app.router.redirect_slashes = False
    return app
