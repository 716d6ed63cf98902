"""What the client tells while it works; who listens is not its business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.client.publication import Plan


def unheard(text: str) -> None:
    """Take a line that nobody reads."""


class Reporter(Protocol):
    """Takes what happens.  `started`, `advanced`, `finished` and `notice` come from several threads at once."""

    def planned(self, plan: Plan) -> None:
        """Take the decisions for one release; uploads follow."""

    def started(self, artifact: Artifact) -> None:
        """Take that the upload of `artifact` begins."""

    def advanced(self, artifact: Artifact, n_bytes: int) -> None:
        """Take that `n_bytes` more of `artifact` were handed to the connection.

        A negative number takes back what has to be sent again.
        """

    def finished(self, artifact: Artifact) -> None:
        """Take that the index has accepted `artifact`."""

    def deleted(self, filename: str) -> None:
        """Take that the session does not have a file any more that was not among the artifacts."""

    def notice(self, text: str) -> None:
        """Take what a person should read: one line without control characters."""


class Both:
    """Two reporters that hear the same."""

    def __init__(self, first: Reporter, second: Reporter) -> None:
        self._reporters = (first, second)

    def planned(self, plan: Plan) -> None:
        """Tell both."""
        for reporter in self._reporters:
            reporter.planned(plan)

    def started(self, artifact: Artifact) -> None:
        """Tell both."""
        for reporter in self._reporters:
            reporter.started(artifact)

    def advanced(self, artifact: Artifact, n_bytes: int) -> None:
        """Tell both."""
        for reporter in self._reporters:
            reporter.advanced(artifact, n_bytes)

    def finished(self, artifact: Artifact) -> None:
        """Tell both."""
        for reporter in self._reporters:
            reporter.finished(artifact)

    def deleted(self, filename: str) -> None:
        """Tell both."""
        for reporter in self._reporters:
            reporter.deleted(filename)

    def notice(self, text: str) -> None:
        """Tell both."""
        for reporter in self._reporters:
            reporter.notice(text)


class Silent:
    """The reporter that says nothing."""

    def planned(self, plan: Plan) -> None:
        """Say nothing."""

    def started(self, artifact: Artifact) -> None:
        """Say nothing."""

    def advanced(self, artifact: Artifact, n_bytes: int) -> None:
        """Say nothing."""

    def finished(self, artifact: Artifact) -> None:
        """Say nothing."""

    def deleted(self, filename: str) -> None:
        """Say nothing."""

    def notice(self, text: str) -> None:
        """Say nothing."""
