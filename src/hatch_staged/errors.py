"""Every failure that a user can meet, with its exit code.

An error says what went wrong, where (a file, or a URL without its secrets) and what to do next.  It is printed as
at most three lines, one for each; see `StagedError.lines`.
"""

from __future__ import annotations

from typing import ClassVar


def one_line(text: str) -> str:
    """Return `text`, which may be somebody else's, as one line that leaves a terminal as it is."""
    return "".join(character if character.isprintable() else " " for character in " ".join(text.splitlines()))


class StagedError(Exception):
    """The base of all our errors; on its own it means "failed" (exit code 1).

    `what` is a sentence for a person.  `where` names the file or the URL (redacted by the caller, see
    `hatch_staged.redaction`) and may be empty.  `hint` says what to do next and may be empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def lines(self) -> list[str]:
        """Return what a user reads: one to three lines without line breaks and control characters of their own."""
        parts = (self.what, f"  at: {self.where}" if self.where else "", f"  try: {self.hint}" if self.hint else "")
        return [one_line(part) for part in parts if part]

    def __str__(self) -> str:
        return "\n".join(self.lines())


class ArtifactError(StagedError):
    """A local artifact is broken or does not say the same as its file name."""


class ProtocolError(StagedError):
    """The index answered with something that Upload 2.0 does not allow: the index's fault."""


class ConfigurationError(StagedError):
    """Wrong usage, a wrong setting, or a stage file that cannot be read: the user's to mend."""

    exit_code = 2


class PluginError(ConfigurationError):
    """A plugin of hatch-staged is broken: its author's to mend, the user's to uninstall."""


class StageGoneError(StagedError):
    """The stage was canceled, was published, has expired, or is unknown to the index."""

    exit_code = 3


class NotAllowedError(StagedError):
    """Credentials are missing or wrong, or do not allow this."""

    exit_code = 4


class ConflictError(StagedError):
    """The index refused because of its present state (409), for example a file that is already public."""

    exit_code = 5


class WrongBytesError(StagedError):
    """The downloaded, cached or published bytes are not the staged bytes."""

    exit_code = 6


class UnreachableError(StagedError):
    """The index cannot be reached, or kept failing."""

    exit_code = 7
