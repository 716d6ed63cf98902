"""What an index does after it has answered: it carries out whatever is in processing.

The rows are the list of what is to do, so that nothing is forgotten by a crash.  Two workers do no harm: each asks
again whether there is something to settle when it has its outcome.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from hatch_staged.index import completion, publication
from hatch_staged.index.background import never
from hatch_staged.index.database import file_rows, session_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_staged.index.core import Index

    #: Works on an index, until the function given with it returns true or everything is done.
    Work = Callable[[Index, Callable[[], bool]], object]

_LOGGER = logging.getLogger(__name__)


def work(index: Index, stopping: Callable[[], bool] = never) -> None:
    """Carry out every publication and completion that is in processing; return early, between two, if `stopping`.

    One that fails for a reason that is not the file's or the session's stays in processing, for the next time.
    """
    for job in _jobs(index):
        if stopping():
            return
        try:
            job()
        except Exception:
            _LOGGER.exception("what is in processing cannot be carried out now; it is tried again later")


def _jobs(index: Index) -> list[Callable[[], None]]:
    with index.database.reading() as tx:
        files, sessions = file_rows.processing(tx), session_rows.processing(tx)
    return [
        # First, because they take a moment, and large files do not.
        *(partial(publication.carry_out, index, session_id) for session_id in sessions),
        *(partial(completion.carry_out, index, file_id) for file_id in files),
    ]
