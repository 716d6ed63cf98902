"""The publisher `staged`: ``hatch publish -p staged``, which ``hatch publish --staged`` is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click
from hatch.publish.plugin.interface import PublisherInterface

from hatch_staged.hatch import context, git, staging
from hatch_staged.hatch.context import IndexOptions
from hatch_staged.hatch.display import reporting
from hatch_staged.hatch.staging import Options
from hatch_staged.outcome import Outcome
from hatch_staged.stage.session_tokens import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping


class StagedPublisher(PublisherInterface):
    """Uploads artifacts into publishing sessions and writes the stage file.  It never publishes."""

    PLUGIN_NAME = "staged"

    def publish(self, specs: list[str], options: dict[str, object]) -> None:
        """Stage the files, folders and globs `specs`; without any, what the project's builds left."""
        with reporting():
            given = Options.of(options)
        outcome = Outcome("stage")
        with reporting(outcome if given.json else None):
            desk = context.open_desk(self.app, _index_options(options))
            staging.stage(self.app, desk, specs, given, outcome)
            if given.dry_run:
                return
            self.app.display_info(f"{desk.stage_file} names it: test it, then `hatch stage publish` or `cancel`")
            if not desk.share_token:
                self.app.display_info(
                    f"No secret is in it; elsewhere it needs {VARIABLE}, which `hatch stage export --format env` prints"
                )
            elif (warning := git.warning(desk.stage_file)) is not None:
                self.app.display_warning(warning)


def _index_options(options: Mapping[str, object]) -> IndexOptions:
    # Hatch keeps these for its own publisher; they are still in the context of its command.
    running = click.get_current_context(silent=True)
    given = IndexOptions.of(running) if running is not None else IndexOptions()
    return replace(given, no_prompt=bool(options.get("no_prompt")))
