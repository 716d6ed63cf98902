"""Files that nobody but their owner may read, and that are never half written."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from hatch_staged.errors import StagedError


def write(path: Path, text: str, what: str) -> None:
    """Write `text` at `path` atomically, readable by its owner alone; `what` it is, an error says.

    Raises `StagedError` if it cannot; what was at `path` is then still there, and nothing else is.
    """
    try:
        # mkstemp gives mode 0600 where there are modes; the same folder, because a rename cannot leave its disk
        handle, temporary = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise StagedError(f"cannot write {what}: {error.strerror}", where=str(path)) from error
