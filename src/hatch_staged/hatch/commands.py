"""What is added to Hatch's command line: ``hatch publish --staged`` and ``hatch stage``."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLISHER = "staged"
GROUP = "stage"


class DeferredGroup(click.Group):
    """``hatch stage`` as Hatch's list of commands has it: what it consists of is imported when it is called."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return the context of the group itself, which click goes on with."""
        from hatch_staged.cli import stage  # noqa: PLC0415 - see above

        return stage.make_context(info_name, args, parent, **extra)


def extend(hatch: click.Group) -> None:
    """Add our option and our group to Hatch's root group; doing it twice changes nothing."""
    if GROUP not in hatch.commands:
        hatch.add_command(DeferredGroup(GROUP, short_help="Work with a staged release"))
    publish = hatch.commands["publish"]
    if not any(parameter.name == "staged" for parameter in publish.params):
        _add_option(publish)


def _add_option(publish: click.Command) -> None:
    option = click.Option(
        ["--staged"],
        is_flag=True,
        help="Upload into a publishing session and publish nothing (the same as `-p staged`)",
    )
    publish.params.insert(next(i for i, p in enumerate(publish.params) if isinstance(p, click.Option)), option)
    publish.callback = _choosing_publisher(publish.callback)


def _choosing_publisher(callback: Callable[..., Any] | None) -> Callable[..., Any]:
    if callback is None:
        raise TypeError("Hatch's publish command has no callback")

    @wraps(callback)
    def choose(*args: Any, staged: bool, publisher_name: str, **kwargs: Any) -> Any:
        if staged:
            source = click.get_current_context().get_parameter_source("publisher_name")
            if source is ParameterSource.COMMANDLINE and publisher_name != PUBLISHER:
                raise click.UsageError(f"--staged and --publisher {publisher_name} exclude each other")
            publisher_name = PUBLISHER
        if publisher_name != PUBLISHER:
            return callback(*args, publisher_name=publisher_name, **kwargs)

        from hatch_staged.hatch import context, display  # noqa: PLC0415 - Hatch imports this module at every start

        with display.reporting():
            # Hatch reads them too, and shows a traceback for a mistake in them.
            context.read_settings(click.get_current_context().obj)
            return callback(*args, publisher_name=publisher_name, **kwargs)

    return choose
