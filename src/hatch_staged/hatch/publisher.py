"""The publisher `staged`: ``hatch publish -p staged``, which ``hatch publish --staged`` is."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from hatch.publish.plugin.interface import PublisherInterface

from hatch_staged import releases
from hatch_staged.client import artifacts
from hatch_staged.errors import ConfigurationError
from hatch_staged.hatch import context, progress
from hatch_staged.hatch.context import IndexOptions
from hatch_staged.hatch.display import reporting, stderr_of

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What Hatch itself puts among the options of every publisher.
_HATCHS_OWN = {"no_prompt", "initialize_auth"}
_OURS = ("jobs",)


class StagedPublisher(PublisherInterface):
    """Uploads artifacts into publishing sessions and writes the stage file.  It never publishes."""

    PLUGIN_NAME = "staged"

    def publish(self, specs: list[str], options: dict[str, object]) -> None:
        """Stage the files, folders and globs `specs`; without any, what the project's builds left."""
        with reporting():
            given = _own_options(options)
            desk = context.open_desk(self.app, _index_options(options))
            configured = context.read_settings(self.app)
            found = artifacts.find(specs, root=Path(self.root), default=context.build_folder(self.app))
            for path in artifacts.having_inside(found, desk.stage_file.name):
                self.app.display_warning(
                    f"{path} has {desk.stage_file.name} in it, with the session tokens that are in there, and differs "
                    f"after every staging: add {desk.stage_file.name} to .gitignore and build again"
                )
            repository = desk.repository()
            with progress.reporter(stderr_of(self.app), quiet=self.app.quiet) as reporter:
                staged = list(
                    releases.stage(desk, repository, found, jobs=given.get("jobs", configured.jobs), reporter=reporter)
                )
            for release in staged:
                self.app.display_success(f"{releases.label(release)} is staged on {repository.name}, not published")
            self.app.display_info(f"{desk.stage_file} names it: test it, then `hatch stage publish` or `cancel`")
            if _would_be_committed(desk.stage_file):
                self.app.display_warning(
                    f"git does not ignore {desk.stage_file.name}: whoever gets it can install this unpublished release"
                )


def _would_be_committed(path: Path) -> bool:
    """Whether `path` is in a git repository that does not ignore it."""
    try:
        asked = subprocess.run(
            ["git", "check-ignore", "--quiet", str(path)],  # noqa: S607 - whichever git the user has
            cwd=path.parent,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return False
    return asked.returncode == 1


def _index_options(options: Mapping[str, object]) -> IndexOptions:
    # Hatch keeps these for its own publisher; they are still in the context of its command.
    running = click.get_current_context(silent=True)
    given = IndexOptions.of(running) if running is not None else IndexOptions()
    return replace(given, no_prompt=bool(options.get("no_prompt")))


def _own_options(options: Mapping[str, object]) -> dict[str, int]:
    unknown = sorted(options.keys() - _HATCHS_OWN - set(_OURS))
    if unknown:
        raise ConfigurationError(
            f"unknown options: {', '.join(f'-o {name}' for name in unknown)}", hint=f"known: {', '.join(_OURS)}"
        )
    jobs = options.get("jobs")
    if jobs is None:
        return {}
    if not str(jobs).isascii() or not str(jobs).isdigit() or int(str(jobs)) < 1:
        raise ConfigurationError(f"-o jobs={jobs}: a whole number of at least 1 is needed")
    return {"jobs": int(str(jobs))}
