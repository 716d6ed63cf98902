"""What becomes of a received file when it is inspected (PEP 694, "Complete a File Upload Session").

That happens within the request, or, where the file is large, after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hatch_staged.index import attestations, validation
from hatch_staged.index.database import file_rows
from hatch_staged.index.objects import ObjectsError
from hatch_staged.protocol.states import FileEvent, FileState, file_after

if TYPE_CHECKING:
    from hatch_staged.archives import CoreMetadata
    from hatch_staged.index.core import Index
    from hatch_staged.index.database.engine import Transaction
    from hatch_staged.index.records import FileUpload

#: What reading the bytes raises if they are gone because the file was canceled or sent again; else the disk fails.
UNREADABLE = (ObjectsError, FileNotFoundError)

# Of a wheel only the directory and three small files are read, of a source distribution everything.
_READ_OF_A_WHEEL = 1 / 64
_LOST = "the index has lost the bytes; upload the file again"


@dataclass(frozen=True)
class Findings:
    """What the inspection of a file came to: its metadata, or what is wrong with it."""

    metadata: CoreMetadata | None = None
    fault: str = ""


def takes_long(index: Index, file: FileUpload) -> bool:
    """Whether inspecting the file takes "longer than reasonable in a single HTTP request"."""
    return file.received is not None and inspected_size(file.filename, file.size) > index.limits.immediate_size


def inspected_size(filename: str, size: int) -> float:
    """Return how much of a file of `size` bytes is read, about."""
    return size * _READ_OF_A_WHEEL if filename.endswith(".whl") else size


def inspect(index: Index, file: FileUpload) -> Findings:
    """Compare what was received of the file with its declaration, and look into the archive."""
    if file.received is None:
        return Findings(fault="no bytes were received")
    try:
        metadata = validation.inspect(index.objects, file, file.received)
    except validation.InvalidFileError as error:
        return Findings(fault=str(error))
    # Those that came before the bytes; those that come now are compared with them at once.
    fault = attestations.fault(index, file)
    return Findings(fault=fault) if fault else Findings(metadata=metadata)


def settle(tx: Transaction, index: Index, file: FileUpload, event: FileEvent, findings: Findings) -> FileUpload:
    """Move the file to where `event` leads, and keep the findings; raise `RefusedTransitionError` if it cannot."""
    state = file_after(file.state, event)
    file_rows.update_state(tx, file.id, state, notice=findings.fault)
    if findings.metadata is not None:
        file_rows.record_completed(
            tx,
            file.id,
            at=index.clock(),
            requires_python=findings.metadata.requires_python,
            core_metadata=findings.metadata.raw,
        )
    return replace(file, state=state, notice=findings.fault)


def carry_out(index: Index, file_id: str) -> None:
    """Finish the completion of a file that is in processing: it becomes completed, or is in error and says why.

    If it is not there any more, because its session was canceled, there is nothing to do: "The server MAY allow such
    in-flight processing to run to completion and discard the result".
    """
    with index.database.reading() as tx:
        file = _in_processing(tx, file_id)
    if file is None:
        return
    try:
        findings = inspect(index, file)
    except FileNotFoundError:
        # Unlike a failing disk, waiting does not mend it; a canceled file, whose bytes are gone, is found out below.
        findings = Findings(fault=_LOST)
    except ObjectsError:
        with index.database.reading() as tx:
            if _in_processing(tx, file_id) is None:
                return
        raise
    event = FileEvent.FAIL if findings.fault else FileEvent.SUCCEED
    with index.database.writing() as tx:
        file = _in_processing(tx, file_id)
        if file is not None:
            settle(tx, index, file, event, findings)


def _in_processing(tx: Transaction, file_id: str) -> FileUpload | None:
    file = file_rows.find(tx, file_id)
    return file if file is not None and file.state is FileState.PROCESSING else None
