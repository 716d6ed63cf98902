"""The stage file for other tools: what can be had of its releases, written as they want it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_staged import holding, status
from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.installing import find_python
from hatch_staged.protocol.states import SessionState
from hatch_staged.redaction import redact
from hatch_staged.stage import export, liveness, private_files, selection, session_tokens
from hatch_staged.stage.export import Available
from hatch_staged.stage.liveness import Published

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hatch_staged.desk import Desk
    from hatch_staged.stage.model import StagedArtifact
    from hatch_staged.stage.selection import Interpreter
    from hatch_staged.stage.use import Standing


def available(desk: Desk, *, tell: Callable[[str], None]) -> tuple[Available, ...]:
    """Return the releases of the stage file as they can be had; of one that is public, what is published.

    `tell` takes a line about each whose index cannot be asked at present: then it is as the stage file says.  Raises
    what `holding.look` does, `ConfigurationError` if there are none, and `StagedError` for one that cannot be had
    because its index has no previews.
    """
    standings = holding.look(desk)
    if not standings:
        raise ConfigurationError("the stage file names no release", where=str(desk.stage_file))
    for standing in standings:
        if standing.fate is None:
            tell(standing.describe(desk.now()))
    return tuple(_available(desk, standing) for standing in standings)


def _available(desk: Desk, standing: Standing) -> Available:
    release, fate = standing.release, standing.fate
    if isinstance(fate, Published):
        return Available(release, fate.urls, desk.connections.at(release.index).simple, SessionState.PUBLISHED.value)
    if session_tokens.is_missing(release):
        raise liveness.locked(release)
    urls = {artifact.filename: artifact.url for artifact in release.artifacts if artifact.url is not None}
    if len(urls) < len(release.artifacts):
        raise StagedError(
            f"{release.project} {release.version} cannot be exported: its index has no previews",
            where=redact(release.place),
            hint="install it from where it was built, or after it is published",
        )
    return Available(release, urls, release.stage, release.status.value)


def requirements(found: Sequence[Available], python: str | None, variables: Mapping[str, str]) -> str:
    """Return a file of requirements for the interpreter `python`; None means the active virtual environment.

    That is looked for only where it makes a difference.
    """
    chooser = _Chooser(python, variables)
    chosen = [(each, chooser.choose(each)) for each in found]
    interpreter = chooser.interpreter
    return export.requirements(chosen, None if interpreter is None else str(interpreter.version))


@dataclass
class _Chooser:
    """Chooses one file of each release; `interpreter` is who was asked, None if it makes no difference."""

    python: str | None
    variables: Mapping[str, str]
    interpreter: Interpreter | None = None

    def choose(self, each: Available) -> StagedArtifact:
        artifact = selection.only(each.release) if self.python is None else None
        if artifact is not None:
            return artifact
        if self.interpreter is None:
            self.interpreter = selection.probe(find_python(self.python, self.variables))
        return selection.choose(each.release, self.interpreter)


def write(desk: Desk, path: Path, text: str, *, lock: bool = False) -> None:
    """Write an export into a file, which only its owner may read; if it is a `lock` document, its name must be one."""
    if lock and not export.is_pylock_name(path.name):
        raise ConfigurationError(
            "pip and uv take no lock file of this name", where=str(path), hint=f"call it {export.PYLOCK_NAME}"
        )
    if path.absolute() == desk.stage_file.absolute():
        raise ConfigurationError("this is the stage file itself", where=str(path), hint="choose another name")
    private_files.write(path, text, "the export")


def github(
    desk: Desk,
    found: Sequence[Available],
    variables: Mapping[str, str],
    *,
    say: Callable[[str], None],
    delimiter: Callable[[], str] = lambda: f"hatch-staged-{secrets.token_hex(16)}",
) -> None:
    """Make step outputs and a job summary of the releases, in a step of GitHub Actions, which `variables` describe.

    Before anything is written, `say` gets the workflow commands that keep the session tokens out of the log.  What the
    index has to say of a release is asked of its session, as far as there are credentials.  Raises
    `ConfigurationError` outside of such a step.
    """
    missing = [name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY") if not variables.get(name)]
    if missing:
        raise ConfigurationError(f"this is no step of GitHub Actions: there is no {' and no '.join(missing)}")
    say(export.github_masks(found))
    told = [each if each.public else replace(each, notices=_notices(desk, each)) for each in found]
    for name, text in (
        ("GITHUB_OUTPUT", export.github_outputs(told, delimiter())),
        ("GITHUB_STEP_SUMMARY", export.github_summary(told)),
    ):
        with Path(variables[name]).open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)


def _notices(desk: Desk, each: Available) -> tuple[str, ...]:
    seen, _ = status.look(desk, each.release)
    return (*seen.notices, *(f"{file.filename}: {notice}" for file in seen.files for notice in file.notices))
