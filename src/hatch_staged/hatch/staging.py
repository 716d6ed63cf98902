"""Staging as a command of Hatch's: its options, its checks, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hatch_staged import releases, status, termination
from hatch_staged.client import artifacts, checks, plugins, signing
from hatch_staged.client.progress import Both
from hatch_staged.client.staging import OnInterrupt
from hatch_staged.errors import ConfigurationError
from hatch_staged.hatch import context, progress
from hatch_staged.hatch.display import stderr_of
from hatch_staged.stage.expected import Expectation
from hatch_staged.stage.export import PYLOCK_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hatch.cli.application import Application

    from hatch_staged.client.artifacts import Release
    from hatch_staged.client.plugins import Plugins
    from hatch_staged.desk import Desk
    from hatch_staged.outcome import Outcome
    from hatch_staged.repositories import Repository
    from hatch_staged.stage.model import StagedRelease

#: What Hatch itself puts among the options of every publisher.
_HATCHS_OWN = {"no_prompt", "initialize_auth"}


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError("a whole number of at least 1 is needed")
    return int(text)


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("true or false is needed")
    return text == "true"


def _patterns(text: str) -> tuple[str, ...]:
    found = tuple(text.replace(",", " ").split())
    if not found:
        raise ValueError("patterns of file names are needed")
    return found


def _on_interrupt(text: str) -> OnInterrupt:
    try:
        return OnInterrupt(text)
    except ValueError:
        raise ValueError(f"{' or '.join(OnInterrupt)} is needed") from None


#: key of ``-o`` -> what reads its value, which raises `ValueError` with what is needed instead
_KEYS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {
        "jobs": _count,
        "dry-run": _flag,
        "prune": _flag,
        "expect": _patterns,
        "on-interrupt": _on_interrupt,
        "attest": _flag,
        "json": _flag,
    }
)


def _read(key: str, text: str) -> object:
    try:
        return _KEYS[key](text)
    except ValueError as error:
        raise ConfigurationError(f"-o {key}={text}: {error}") from None


@dataclass(frozen=True)
class Options:
    """What ``-o KEY=VALUE`` says of one run; a field for each key, with an underscore for each hyphen."""

    #: None where the configuration decides
    jobs: int | None = None
    #: whether only to tell what would be done
    dry_run: bool = False
    #: whether to delete what is in the session and not among the artifacts
    prune: bool = False
    #: patterns of the file names that a complete release has; None where the configuration decides
    expect: tuple[str, ...] | None = None
    on_interrupt: OnInterrupt = OnInterrupt.KEEP
    #: whether artifacts get attestations that have none
    attest: bool = False
    #: whether stdout gets the outcome as a JSON document
    json: bool = False

    @classmethod
    def of(cls, given: Mapping[str, object]) -> Options:
        """Return what Hatch collected; raise `ConfigurationError` for a key that is unknown, or a value that is wrong.

        What Hatch itself puts among the options of every publisher is passed over.
        """
        ours = {key: str(value) for key, value in given.items() if key not in _HATCHS_OWN}
        if unknown := sorted(ours.keys() - _KEYS.keys()):
            raise ConfigurationError(
                f"unknown options: {', '.join(f'-o {key}' for key in unknown)}", hint=f"known: {', '.join(_KEYS)}"
            )
        read: dict[str, Any] = {key.replace("-", "_"): _read(key, text) for key, text in ours.items()}
        return cls(**read)


def stage(
    app: Application, desk: Desk, specs: Sequence[str], given: Options, outcome: Outcome
) -> tuple[StagedRelease, ...]:
    """Stage the files, folders and globs `specs`; without any, what the project's builds left.  `outcome` listens.

    After a dry run, which only shows the plan, nothing is returned.
    """
    further = plugins.load()
    found = artifacts.find(specs, root=Path(app.project.location), default=context.build_folder(app))
    unwanted = {desk.stage_file.name, PYLOCK_NAME}
    for warning in checks.check(found, further, known=releases.staged_before(desk), unwanted=unwanted):
        app.display_warning(warning)
    if given.attest:
        signing.require_extra()
    run = _Run(app, given, desk, desk.repository(), outcome)
    if given.dry_run:
        run.preview(found)
        return ()
    return run.stage(found, further)


@dataclass(frozen=True)
class _Run:
    """One run on releases that have passed the checks."""

    app: Application
    given: Options
    desk: Desk
    repository: Repository
    outcome: Outcome

    def __post_init__(self) -> None:
        self.outcome.staging_at(self.repository.url, releases.load_or_empty(self.desk.stage_file))

    def preview(self, found: Sequence[Release]) -> None:
        """Show what would be done."""
        with progress.Lines(stderr_of(self.app), quiet=self.app.quiet, verbose=True) as lines:
            reporter = Both(lines, self.outcome)
            desk, given = self.desk.telling(lines.detail), self.given
            for plan in releases.preview(desk, self.repository, found, prune=given.prune, signing=given.attest):
                reporter.planned(plan)
        self.app.display_info("Nothing was done: this was a dry run")

    def stage(self, found: Sequence[Release], further: Plugins) -> tuple[StagedRelease, ...]:
        """Do it, show how far it is, and say what is staged, and what is still missing."""
        staged = []
        with (
            termination.like_an_interrupt(),
            progress.reporter(stderr_of(self.app), quiet=self.app.quiet, verbose=self.app.verbose) as shown,
        ):
            reporter = Both(shown, self.outcome)
            for release in releases.stage(
                self.desk.telling(shown.detail),
                self.repository,
                found,
                jobs=self.given.jobs or context.read_settings(self.app).jobs,
                reporter=reporter,
                prune=self.given.prune,
                expected=self.given.expect,
                on_interrupt=self.given.on_interrupt,
                senders=further.senders(reporter.notice),
                make_signer=signing.ambient_signer if self.given.attest else None,
            ):
                self.outcome.add(status.as_noted(release))
                staged.append(release)
        for release in staged:
            self.app.display_success(f"{release.label} is staged on {self.repository.name}, not published")
        whole = Expectation.of(self.desk.expected if self.given.expect is None else (), staged)
        self.outcome.expecting(whole)
        if whole.missing:
            self.app.display_info(f"Not there yet, of what the whole release has: {', '.join(whole.missing)}")
        return tuple(staged)
