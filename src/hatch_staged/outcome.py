"""What a command did, as one JSON document for programs: its keys are documented, and no secret is among them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import msgspec

from hatch_staged.client.progress import Silent
from hatch_staged.client.publication import Step
from hatch_staged.errors import one_line
from hatch_staged.protocol.states import FileState
from hatch_staged.redaction import redact

if TYPE_CHECKING:
    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.client.publication import Decision, Plan, Pruned
    from hatch_staged.errors import StagedError
    from hatch_staged.stage.expected import Expectation
    from hatch_staged.stage.model import StagedArtifact, StageFile
    from hatch_staged.status import ReleaseStatus


#: the step of a file that is pruned
_DELETE = "delete"


class _Member(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """What all members share: every key is always there."""


class File(_Member, frozen=True, kw_only=True):
    """A file of a release."""

    filename: str
    #: a file's state, or ``missing``; None where this run does not know it
    status: str | None
    #: what `hatch publish --staged` decided about it; None for other commands, and for files that it left alone
    step: str | None = None
    #: with these bytes
    in_stage_file: bool
    #: None for a file that neither the stage file nor this run names, like `sha256`
    size: int | None
    sha256: str | None
    notices: tuple[str, ...] = ()


class Release(_Member, frozen=True, kw_only=True):
    """A release, as far as the command came with it."""

    project: str
    version: str
    index: str
    #: a session's state, or ``gone``; None for one that is not staged, like `expires_at` and `digest`
    status: str | None
    #: None also where neither the index nor the stage file says
    expires_at: datetime | None
    digest: str | None
    notices: tuple[str, ...] = ()
    files: tuple[File, ...]


class Error(_Member, frozen=True, kw_only=True):
    """Why the command failed; `where` and `hint` may be empty."""

    what: str
    where: str
    hint: str


class Document(_Member, frozen=True, kw_only=True):
    """The whole."""

    command: str
    exit_code: int
    releases: tuple[Release, ...]
    #: patterns of file names that the releases need to be published; None where the command does not look
    expected: tuple[str, ...] | None
    missing: tuple[str, ...] | None
    notices: tuple[str, ...]
    error: Error | None


class Outcome(Silent):
    """The outcome of `command`, as it grows; also a `hatch_staged.client.progress.Reporter`, which listens."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._index = ""
        self._releases: dict[tuple[str, str], Release] = {}
        self._plans: dict[tuple[str, str], Plan] = {}
        self._named: dict[str, StagedArtifact] = {}
        self._uploaded: set[str] = set()
        self._deleted: set[str] = set()
        self._notices: list[str] = []
        self._whole: Expectation | None = None

    def add(self, found: ReleaseStatus) -> None:
        """Take what has become of a release."""
        plan = self._plans.get(_key(found.release.project, found.release.version))
        steps = {} if plan is None else {each.artifact.filename: each.step.value for each in plan.decisions}
        pruned = () if plan is None else plan.pruned
        self._releases[_key(found.release.project, found.release.version)] = Release(
            project=found.release.project,
            version=str(found.release.version),
            index=redact(found.release.index),
            status=found.status,
            expires_at=None if found.expires_at is None else _whole_seconds(found.expires_at),
            digest=found.release.digest,
            notices=found.notices,
            files=(
                *(
                    _file(
                        each.filename, each.status, each.artifact, step=steps.get(each.filename), notices=each.notices
                    )
                    for each in found.files
                ),
                # the stage file that was just written names them no more
                *(_file(each.filename, self._fate(each), None, step=_DELETE) for each in pruned),
            ),
        )

    def expecting(self, whole: Expectation) -> None:
        """Take what all releases together need to have."""
        self._whole = whole

    def staging_at(self, index: str, before: StageFile) -> None:
        """Take the URL of the index that the plans which follow are for, and what the stage file says before them."""
        self._index = redact(index)
        self._named = {artifact.filename: artifact for release in before.releases for artifact in release.artifacts}

    def planned(self, plan: Plan) -> None:
        """Keep the plan."""
        self._plans[_key(plan.release.project, plan.release.version)] = plan

    def finished(self, artifact: Artifact) -> None:
        """Keep that the index has it."""
        self._uploaded.add(artifact.filename)

    def deleted(self, filename: str) -> None:
        """Keep that the session does not have it any more."""
        self._deleted.add(filename)

    def notice(self, text: str) -> None:
        """Keep what was told."""
        self._notices.append(one_line(text))

    def as_json(self, exit_code: int = 0, error: StagedError | None = None) -> str:
        """Return the document."""
        unfinished = {key: self._unfinished(plan) for key, plan in self._plans.items() if key not in self._releases}
        document = Document(
            command=self._command,
            exit_code=exit_code,
            releases=(*self._releases.values(), *unfinished.values()),
            expected=None if self._whole is None else self._whole.patterns,
            missing=None if self._whole is None else self._whole.missing,
            notices=tuple(self._notices),
            error=None if error is None else _error(error),
        )
        return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()

    def _unfinished(self, plan: Plan) -> Release:
        return Release(
            project=plan.release.project,
            version=str(plan.release.version),
            index=self._index,
            status=None,
            expires_at=None,
            digest=None,
            files=(
                *(self._decided(decision) for decision in plan.decisions),
                *(self._before(each.filename, self._fate(each), _DELETE) for each in plan.pruned),
                *(self._before(filename, None, None) for filename in plan.foreign),
            ),
        )

    def _decided(self, decision: Decision) -> File:
        artifact = decision.artifact
        sha256 = artifact.hashes["sha256"]
        named = self._named.get(artifact.filename)
        there = decision.step is Step.KEEP or artifact.filename in self._uploaded
        return File(
            filename=artifact.filename,
            status=FileState.COMPLETED.value if there else None,
            step=decision.step.value,
            in_stage_file=named is not None and named.sha256 == sha256,
            size=artifact.size,
            sha256=sha256,
        )

    def _before(self, filename: str, status: str | None, step: str | None) -> File:
        return _file(filename, status, self._named.get(filename), step=step)

    def _fate(self, pruned: Pruned) -> str | None:
        return FileState.CANCELED.value if pruned.filename in self._deleted else None


def _file(
    filename: str, status: str | None, named: StagedArtifact | None, *, step: str | None, notices: tuple[str, ...] = ()
) -> File:
    """Return a file as the stage file has it, if that names it."""
    return File(
        filename=filename,
        status=status,
        step=step,
        in_stage_file=named is not None,
        size=None if named is None else named.size,
        sha256=None if named is None else named.sha256,
        notices=notices,
    )


def _key(project: object, version: object) -> tuple[str, str]:
    return str(project), str(version)


def _error(error: StagedError) -> Error:
    return Error(what=one_line(error.what), where=one_line(error.where), hint=one_line(error.hint))


def _whole_seconds(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc).replace(microsecond=0)
