"""Pages of what is in the database, kept as they were sent as long as nobody has changed the database.

A page depends on nothing else that changes, so that one number tells whether all of them still hold: it is another one
after every commit of any process.  To ask for it takes microseconds, to make a page a hundred times that.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

    from hatch_staged.index.database.engine import Database

#: What all pages together may have (bytes); those that were asked for least recently go first.
ROOM = 16 * 1024 * 1024
# What a page takes beside its key and content: there may be as many keys as somebody thinks of, and as long ones.
_OVERHEAD = 2048


#: What a page depends on beside the database.
Key = tuple[str, ...]


class PageCache:
    """Answers by what they depend on, for use from one event loop."""

    def __init__(self, database: Database, *, room: int = ROOM) -> None:
        self._database = database
        self._room = room
        self._pages: OrderedDict[Key, Response] = OrderedDict()
        self._size = 0
        self._state: object = None

    async def get(self, key: Key, make: Callable[[], Response]) -> Response:
        """Return the answer for `key`: the one that is kept, or what `make` (blocking) returns now.

        It is sent to many, so nobody may change it.
        """
        state = self._database.state()
        if state != self._state:
            self._pages.clear()
            self._size = 0
            self._state = state
        page = self._pages.get(key)
        if page is not None:
            self._pages.move_to_end(key)
            return page
        page = await run_in_threadpool(make)
        # Made from what the database had then or, harmlessly, from something newer.  Not so if it has been asked since.
        if state == self._state:
            self._keep(key, page)
        return page

    def _keep(self, key: Key, page: Response) -> None:
        size = _size(key, page)
        if size > self._room or key in self._pages:
            return
        self._pages[key] = page
        self._size += size
        while self._size > self._room:
            self._size -= _size(*self._pages.popitem(last=False))


def _size(key: Key, page: Response) -> int:
    return sum(map(len, key)) + len(page.body) + _OVERHEAD
