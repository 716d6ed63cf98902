"""How a session ends without publication: by request or by expiry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_staged.index.database import file_rows, project_rows, session_rows
from hatch_staged.protocol.states import SessionEvent

if TYPE_CHECKING:
    from datetime import datetime

    from hatch_staged.index.database.engine import Transaction
    from hatch_staged.index.records import PublishingSession


def discard(
    tx: Transaction, session: PublishingSession, at: datetime, *, expired: bool
) -> tuple[PublishingSession, tuple[str, ...]]:
    """Cancel `session` and forget its files; return it, and the keys of the objects to delete once this is committed.

    Raises `RefusedTransitionError` if the session cannot be canceled any more.
    """
    canceled = session.after(SessionEvent.CANCEL, at, expired=expired)
    files = file_rows.of_session(tx, session.id)
    for file in files:
        # Whatever the file's state: a session "MUST NOT be refused cancellation because" a file is processing.
        file_rows.discard(tx, file.id)
    session_rows.write(tx, canceled)
    # "the index SHOULD delete the project record, as if it were never uploaded, releasing the reservation"
    project_rows.release(tx, session.project)
    return canceled, tuple(file.received.object_key for file in files if file.received is not None)
