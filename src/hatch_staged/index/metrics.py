"""What monitors get to know: numbers in Prometheus' text format, without a name, a URL or a token.

The only importer of prometheus_client.
"""

from __future__ import annotations

from http import HTTPStatus
from itertools import product
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.responses import Response

from hatch_staged.index import urls
from hatch_staged.index.database import totals
from hatch_staged.index.fronts import Front, resource
from hatch_staged.index.page_cache import PageCache

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric
    from starlette.requests import Request
    from starlette.routing import Route
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from hatch_staged.index.core import Index

CONTENT_TYPE = CONTENT_TYPE_LATEST

# By the first part of a path.
_FRONTS = {
    "upload": "upload",
    "legacy": "legacy",
    "simple": "simple",
    "files": "simple",
    "stage": "stage",
    "-": "monitor",
}
_OTHER = "other"
#: Who answers.
FRONTS = (*dict.fromkeys(_FRONTS.values()), _OTHER)
_CLASSES = ("2xx", "3xx", "4xx", "5xx")


class Metrics(Front):
    """The front for monitors: what was counted in this process, and what there is in the index."""

    def __init__(self, index: Index, base_url: str | None) -> None:
        super().__init__(index, base_url)
        self._counts = _Counts()
        # Anybody may ask, and to count is to read whole tables.
        self._totals = PageCache(index.database)

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [resource(urls.METRICS, GET=self.show)]

    async def show(self, _request: Request) -> Response:
        """Show all numbers."""
        there = await self._totals.get((), lambda: Response(_text(_Totals(self.index))))
        headers = {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
        return Response(_text(self._counts) + bytes(there.body), headers=headers)

    def count(self, path: str, status: int, received: int, sent: int) -> None:
        """Count an answered request."""
        # What is no path comes here, too: `OPTIONS *`.
        front = _FRONTS.get(path.lstrip("/").partition("/")[0], _OTHER)
        self._counts.requests[front, f"{status // 100}xx"] += 1
        self._counts.received[front] += received
        self._counts.sent[front] += sent


class Metered:
    """Passes requests on to `app`, and has them counted when they are answered."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = received = sent = 0

        async def counting_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def counting_send(message: Message) -> None:
            nonlocal status, sent
            status = message.get("status", status)
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, counting_receive, counting_send)
        except Exception:
            # Starlette answers it, further out.
            status = status or HTTPStatus.INTERNAL_SERVER_ERROR.value
            raise
        finally:
            # Without a status the connection ended before there was an answer.
            if status:
                self._metrics.count(scope["path"], status, received, sent)


def _text(collector: Collector) -> bytes:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)


class _Counts(Collector):
    """What was counted; from the beginning each number is there, so that a monitor sees the first step, too."""

    def __init__(self) -> None:
        self.requests = dict.fromkeys(product(FRONTS, _CLASSES), 0)
        self.received = dict.fromkeys(FRONTS, 0)
        self.sent = dict.fromkeys(FRONTS, 0)

    def describe(self) -> Iterable[Metric]:
        """Name nothing in advance."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Yield the numbers."""
        requests = CounterMetricFamily(
            "hatch_staged_requests", "Requests that were answered", labels=["front", "status"]
        )
        for labels, count in self.requests.items():
            requests.add_metric(labels, count)
        yield requests
        for name, text, counts in (
            ("hatch_staged_received_bytes", "Bytes in the bodies of requests", self.received),
            ("hatch_staged_sent_bytes", "Bytes in the bodies of answers", self.sent),
        ):
            family = CounterMetricFamily(name, text, labels=["front"])
            for front, size in counts.items():
                family.add_metric([front], size)
            yield family


class _Totals(Collector):
    """What there is in the index when somebody asks."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def describe(self) -> Iterable[Metric]:
        """Name nothing in advance."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Yield the numbers."""
        with self._index.database.reading() as tx:
            sessions, files, projects = totals.sessions(tx), totals.files(tx), totals.projects(tx)
            published, size = totals.published(tx)
        by_state = GaugeMetricFamily("hatch_staged_sessions", "Publishing sessions by state", labels=["state"])
        for session_state, count in sessions.items():
            by_state.add_metric([session_state.value], count)
        yield by_state
        by_state = GaugeMetricFamily("hatch_staged_files", "Files by state, staged and published", labels=["state"])
        for file_state, count in files.items():
            by_state.add_metric([file_state.value], count)
        yield by_state
        yield GaugeMetricFamily("hatch_staged_projects", "Registered projects", value=projects)
        yield GaugeMetricFamily("hatch_staged_published_files", "Published files", value=published)
        yield GaugeMetricFamily("hatch_staged_published_bytes", "Bytes of published files", value=size)
