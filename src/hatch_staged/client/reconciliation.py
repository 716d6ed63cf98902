"""Make one publishing session hold the artifacts of a release: plan, carry out, look whether it worked, plan again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_staged.client import attesting
from hatch_staged.client.publication import Decision, Plan, Step, incomplete, plan, shortfall
from hatch_staged.client.sending import choose
from hatch_staged.client.uploads import Uploads
from hatch_staged.errors import ConflictError
from hatch_staged.protocol.states import FileState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_staged.client.artifacts import Release
    from hatch_staged.client.progress import Reporter
    from hatch_staged.client.publication import Pruned
    from hatch_staged.client.sending import Sender
    from hatch_staged.client.signing import MakeSigner
    from hatch_staged.client.upload_api import Client
    from hatch_staged.errors import StagedError
    from hatch_staged.protocol.messages import Session
    from hatch_staged.protocol.simple import ProjectPage

#: How often a plan is made and carried out: again if somebody else, or something on the way, undid some of it.
#: Machines that begin at once with the same file undo each other's once each, at most.
ROUNDS = 5
#: How often the stage's page is looked at, when every file is completed and the page says otherwise.
LOOKS = 4


@dataclass(frozen=True)
class Reconciled:
    """The session as it is now, every artifact completed and, where there are previews, listed."""

    session: Session
    #: the project's page in the stage, None where the index has no previews
    page: ProjectPage | None
    #: what was to do at first
    plan: Plan


@dataclass(frozen=True)
class Reconciliation:
    """What is to be in the session, and how it gets there: `jobs` files at once, `prune` deletes all others.

    With `make_signer`, files get attestations that have none.
    """

    release: Release
    client: Client
    reporter: Reporter
    senders: Mapping[str, Sender]
    jobs: int
    prune: bool = False
    make_signer: MakeSigner | None = None

    def run(self, session: Session) -> Reconciled:
        """Carry it out; raise what keeps it from being done.  Nothing is published."""
        refuse_uneditable(self.release, session)
        mechanism, sender = choose(session, self.senders)
        session, first = self._settle(session)
        self.reporter.planned(first)
        uploads = Uploads(self.client, session, mechanism, sender, self.reporter)
        pauses = self.client.waiter.pauses()
        made = first
        for turn in range(1, ROUNDS + 1):
            if self.make_signer is not None:
                made = attesting.signed(made, self.make_signer)
            displaced = uploads.carry_out(made.having(Step.UPLOAD, Step.REPLACE), self.jobs)
            for each in made.pruned:
                self._prune(each)
            session, page, problem = self._look(session)
            if problem is None:
                self._tell_notices(session)
                return Reconciled(session, page, first)
            # A pause, because who replaces a file deletes it first: it is not to be sent just for that moment.
            if turn == ROUNDS or not incomplete(self.release, session) or not self.client.waiter.pause(next(pauses)):
                raise problem
            if displaced:
                self.reporter.notice(f"somebody else uploads the same files: {', '.join(sorted(displaced))}")
            session = self.client.wait_for_others(session, displaced)
            refuse_uneditable(self.release, session)
            session, made = self._settle(session)
        raise AssertionError("the last turn returns or raises")  # pragma: no cover

    def _settle(self, session: Session) -> tuple[Session, Plan]:
        """Return a plan that waits for nothing, and the session that it was made for."""
        signing = self.make_signer is not None
        while not (made := preview(self.release, self.client, session, prune=self.prune, signing=signing)).settled:
            session = self.client.wait_for_files(session, made.undecided)
        return session, made

    def _prune(self, unwanted: Pruned) -> None:
        try:
            self.client.delete_file(unwanted.url)
        except ConflictError:
            # somebody else may have deleted it meanwhile
            if self.client.file_state(unwanted.url) not in {None, FileState.CANCELED}:
                raise
        self.reporter.deleted(unwanted.filename)

    def _look(self, session: Session) -> tuple[Session, ProjectPage | None, StagedError | None]:
        """Return the session and its page as they are now, and what keeps them from being the release.

        Somebody else may change a file between the two looks, and a page may come later than its file.
        """
        pauses = self.client.waiter.pauses()
        for look in range(1, LOOKS + 1):
            session = self.client.session(session.links.session)
            page = _page(self.release, self.client, session)
            problem = shortfall(self.release, session, page)
            if problem is None or incomplete(self.release, session) or look == LOOKS:
                break
            self.client.waiter.pause(next(pauses))
        return session, page, problem

    def _tell_notices(self, session: Session) -> None:
        for notice in session.notices:
            self.reporter.notice(notice)
        for filename, file in session.files.items():
            for notice in file.notices:
                self.reporter.notice(f"{filename}: {notice}")


def preview(release: Release, client: Client, session: Session | None, *, prune: bool, signing: bool = False) -> Plan:
    """Return the plan for `session` as it is, None for one that is still to be created, or that nobody knows.

    `signing` is whether files get attestations that have none.
    """
    if session is None:
        return Plan(release, tuple(Decision(artifact, Step.UPLOAD) for artifact in release.artifacts), looked=False)
    # what is not completed is not listed, and a session that is new has nothing that is
    held = any(file.status is FileState.COMPLETED for file in session.files.values())
    page = _page(release, client, session) if held else None
    made = plan(release, session, page, prune=prune)
    return attesting.late(made, session, page, client, signing=signing)


def _page(release: Release, client: Client, session: Session) -> ProjectPage | None:
    if session.links.stage is None:
        return None
    return client.project_page(session.links.stage, release.project)


def refuse_uneditable(release: Release, session: Session) -> None:
    """Raise `ConflictError` if `session` takes no files."""
    if not session.status.editable:
        raise ConflictError(
            f"{release.project} {release.version} cannot be staged: its session is {session.status.value}",
            hint="wait for it to be published, or to fail",
        )
