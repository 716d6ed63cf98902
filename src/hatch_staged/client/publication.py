"""What to do next: given the files on disk and what the index has, the steps.  No I/O.

Two tables decide.  The first is by the state of the file in the publishing session, the second refines `completed`
by comparing hashes with the stage's page, because a session's ``files`` carry none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from hatch_staged.errors import ProtocolError, StagedError, WrongBytesError
from hatch_staged.protocol.states import FileState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_staged.client.artifacts import Artifact, Release
    from hatch_staged.protocol.messages import Session
    from hatch_staged.protocol.simple import ListedFile, ProjectPage


class Step(str, Enum):
    """What to do with one artifact."""

    UPLOAD = "upload"
    #: the session has these very bytes
    KEEP = "keep"
    #: delete what the session has under this name, then upload
    REPLACE = "replace"
    #: the index is deciding ("the server MUST reject the DELETE" meanwhile): ask again, then plan again
    WAIT = "wait"


class Likeness(str, Enum):
    """How a file of the index compares with an artifact of the same name."""

    SAME = "same"
    DIFFERENT = "different"
    #: no page, not on the page, or no hash that both sides have
    UNKNOWN = "unknown"


_BY_STATE: Mapping[FileState, Step] = MappingProxyType(
    {
        # Left over from a run that was cut short, most likely.  Nobody can tell it from an upload that another
        # publisher is making right now; the last one to ask wins, and the other one is told by its own next request.
        FileState.PENDING: Step.REPLACE,
        FileState.PROCESSING: Step.WAIT,
        # "from error, deletion is the only forward action"
        FileState.ERROR: Step.REPLACE,
        # "canceled never appears here", and where it does all the same there is nothing left to delete
        FileState.CANCELED: Step.UPLOAD,
    }
)

_COMPLETED: Mapping[Likeness, Step] = MappingProxyType(
    {
        Likeness.SAME: Step.KEEP,
        Likeness.DIFFERENT: Step.REPLACE,
        # Without a hash to compare only a new upload makes sure.
        Likeness.UNKNOWN: Step.REPLACE,
    }
)


@dataclass(frozen=True)
class Decision:
    """What happens to one artifact."""

    artifact: Artifact
    step: Step
    #: the URL of the file that is to be deleted first: for `Step.REPLACE` alone
    replaces: str | None = None


@dataclass(frozen=True)
class Pruned:
    """A file of the session that is not among the artifacts, and the URL to delete it at."""

    filename: str
    url: str


@dataclass(frozen=True)
class Plan:
    """The decisions for one release, in the order of its artifacts."""

    release: Release
    decisions: tuple[Decision, ...]
    #: file names in the session that are not among the artifacts: reported, and left alone
    foreign: tuple[str, ...] = ()
    #: those that are deleted, because the user wants nothing else there
    pruned: tuple[Pruned, ...] = ()
    #: file names that the index is deciding about
    undecided: tuple[str, ...] = ()
    #: whether there was a session to look into; without one, nobody knows what it will hold already
    looked: bool = True

    def having(self, *steps: Step) -> tuple[Decision, ...]:
        """Return the decisions for one of `steps`."""
        return tuple(decision for decision in self.decisions if decision.step in steps)

    @property
    def settled(self) -> bool:
        """Whether the plan can be carried out; otherwise the index has to decide about a file first."""
        return not self.undecided


def plan(release: Release, session: Session, page: ProjectPage | None, *, prune: bool = False) -> Plan:
    """Return what makes `session` hold the artifacts of `release`, and with `prune` nothing else.

    `page` is the project's page in the stage, its digests in lower case, or None where the index has no previews or
    no page yet.
    """
    listed = _by_filename(page)
    decisions = tuple(_decide(artifact, session, listed.get(artifact.filename)) for artifact in release.artifacts)
    ours = {artifact.filename for artifact in release.artifacts}
    foreign = {name: file for name, file in sorted(session.files.items()) if name not in ours}
    undecided = [decision.artifact.filename for decision in decisions if decision.step is Step.WAIT]
    if not prune:
        return Plan(release, decisions, foreign=tuple(foreign), undecided=tuple(undecided))
    undecided += [name for name, file in foreign.items() if file.status is FileState.PROCESSING]
    pruned = tuple(Pruned(name, file.link) for name, file in foreign.items())
    return Plan(release, decisions, pruned=pruned, undecided=tuple(undecided))


def compare(artifact: Artifact, listed: ListedFile | None) -> Likeness:
    """Return whether `listed` is `artifact`, by all hashes that both have and by size."""
    if listed is None:
        return Likeness.UNKNOWN
    if listed.size is not None and listed.size != artifact.size:
        return Likeness.DIFFERENT
    common = listed.hashes.keys() & artifact.hashes.keys()
    if not common:
        return Likeness.UNKNOWN
    same = all(listed.hashes[algorithm] == artifact.hashes[algorithm] for algorithm in common)
    return Likeness.SAME if same else Likeness.DIFFERENT


def incomplete(release: Release, session: Session) -> bool:
    """Whether an artifact of `release` is not completed in `session`: then there is more to do."""
    states = {name: file.status for name, file in session.files.items()}
    return any(states.get(artifact.filename) is not FileState.COMPLETED for artifact in release.artifacts)


def shortfall(release: Release, session: Session, page: ProjectPage | None) -> StagedError | None:
    """Return what keeps `session` from being the staged `release`, or None if nothing does.

    Every artifact must be completed and, where the index has previews (``links.stage``), listed in the stage with our
    hashes.
    """
    listed = _by_filename(page)
    for artifact in release.artifacts:
        name = artifact.filename
        file = session.files.get(name)
        if file is None or file.status is not FileState.COMPLETED:
            state = "missing" if file is None else file.status.value
            return ProtocolError(f"{name} was uploaded and accepted, yet in the session it is {state}")
        if session.links.stage is None:
            continue
        if name not in listed:
            return ProtocolError(f"{name} is completed, yet the stage does not list it")
        likeness = compare(artifact, listed[name])
        if likeness is Likeness.DIFFERENT:
            return WrongBytesError(
                f"{name} in the stage is not the file on disk", hint="stage again, if somebody else staged meanwhile"
            )
        if likeness is Likeness.UNKNOWN:
            return ProtocolError(f"the stage lists {name} without a hash that could be compared")
    return None


def _decide(artifact: Artifact, session: Session, listed: ListedFile | None) -> Decision:
    file = session.files.get(artifact.filename)
    if file is None:
        return Decision(artifact, Step.UPLOAD)
    completed = file.status is FileState.COMPLETED
    step = _COMPLETED[compare(artifact, listed)] if completed else _BY_STATE[file.status]
    return Decision(artifact, step, file.link if step is Step.REPLACE else None)


def _by_filename(page: ProjectPage | None) -> Mapping[str, ListedFile]:
    return {} if page is None else {file.filename: file for file in page.files}
