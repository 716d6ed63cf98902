"""The index as an ASGI application."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from hatch_staged.index import expiry
from hatch_staged.index.legacy_api import LegacyApi
from hatch_staged.index.pages import Pages
from hatch_staged.index.patience import Patience
from hatch_staged.index.problem_responses import ProblemResponses
from hatch_staged.index.simple_api import SimpleApi
from hatch_staged.index.upload_api import UploadApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hatch_staged.index.core import Index

_LOGGER = logging.getLogger(__name__)


def create_app(index: Index, *, base_url: str | None = None) -> Starlette:
    """Return the application that serves `index`; while it runs, it also sweeps.

    `base_url` is the URL of its root as clients see it; without one, links point where the request went.
    """
    fronts = [front(index, base_url) for front in (UploadApi, LegacyApi, SimpleApi, Pages)]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        stopping = asyncio.Event()
        sweeping = asyncio.create_task(_sweep_until(stopping, index))
        try:
            yield
        finally:
            # Not canceled: its thread would go on with the database, which is closed next.
            stopping.set()
            await sweeping

    app = Starlette(
        middleware=[Middleware(Patience, timeout=index.limits.body_timeout)],
        routes=[route for front in fronts for route in front.routes()],
        exception_handlers=ProblemResponses(index, base_url).handlers(),
        lifespan=lifespan,
    )
    # Starlette's redirects do not know `base_url`, nor what may be kept: `SimpleApi` has its own.
    app.router.redirect_slashes = False
    return app


async def _sweep_until(stopping: asyncio.Event, index: Index) -> None:
    while not stopping.is_set():
        try:
            await run_in_threadpool(expiry.sweep, index)
        except Exception:
            # A full disk or a busy database now must not end the sweeping for good.
            _LOGGER.exception("sweeping failed; it is tried again in %s seconds", index.limits.sweep_interval)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stopping.wait(), index.limits.sweep_interval)
