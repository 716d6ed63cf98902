"""From Hatch's application to the values that the rest works with."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource
from hatch.cli.application import Application
from hatch.config.model import ConfigurationError as HatchConfigurationError

from hatch_staged.errors import ConfigurationError
from hatch_staged.hatch import settings
from hatch_staged.redaction import hide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_staged.desk import Desk
    from hatch_staged.hatch.settings import Settings

#: `off` makes one run ignore the stage file.
SWITCH = "HATCH_STAGED"
#: The path of a stage file, in place of the configured one.
STAGE_FILE = "HATCH_STAGE_FILE"
#: Our own folder in Hatch's folders for data and for caches.
FOLDER = "staged"


@dataclass(frozen=True)
class IndexOptions:
    """The options of ``hatch publish`` that our verbs share: which index, and who asks.

    `typed` names those that were given on the command line; the others are from variables, or defaults.
    """

    repo: str | None = None
    user: str | None = None
    auth: str | None = None
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    no_prompt: bool = False
    typed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, command: click.Context) -> IndexOptions:
        """Return the options that `command` was given."""
        given = {name: command.params[name] for name in cls.__dataclass_fields__ if name in command.params}
        typed = {name for name in given if command.get_parameter_source(name) is ParameterSource.COMMANDLINE}
        return cls(**given, typed=frozenset(typed))


def application() -> Application | None:
    """Return Hatch's application, if Hatch is running."""
    context = click.get_current_context(silent=True)
    return context.find_object(Application) if context is not None else None


def read_settings(app: Application) -> Settings:
    """Return our tables of the project's and of Hatch's configuration; raise `ConfigurationError` if they are wrong."""
    with reading(app):
        project, user = app.project.config.publish, app.config.publish
    return settings.read(project.get("staged", {}), user.get("staged", {}))


def build_folder(app: Application) -> Path:
    """Return where the project's builds are; raise `ConfigurationError` if its configuration is wrong."""
    root = Path(app.project.location)
    with reading(app):
        return root / str(app.project.config.build.directory)


def stage_file(root: Path, configured: Settings, option: str | None = None) -> Path:
    """Return the path of the stage file: the option (relative to here), the variable, the setting (to `root`)."""
    if chosen := option or os.environ.get(STAGE_FILE):
        return Path(chosen).absolute()
    return root / configured.stage_file


def stage_file_in_use(root: Path) -> bool:
    """Whether the project at `root` has a stage file that this run shall follow."""
    if os.environ.get(SWITCH, "").lower() == "off":
        return False
    if os.environ.get(STAGE_FILE):
        # Who names one wants it: that it is not there is an error, not a reason to test something else.
        return True
    app = application()
    # A link that leads nowhere counts, too.
    return os.path.lexists(stage_file(root, read_settings(app) if app is not None else settings.Settings()))


def stage_file_of(app: Application) -> Path:
    """Return the path of the stage file that this run follows; raise `ConfigurationError` for wrong settings."""
    return stage_file(Path(app.project.location), read_settings(app))


def open_desk(app: Application, options: IndexOptions, *, stage_file_option: str | None = None) -> Desk:
    """Return what the verbs work with; raise `ConfigurationError` for wrong settings."""
    # Hatch imports this module for every project that has our collector, with a stage file or without.
    from hatch_staged.connections import Connections, Login  # noqa: PLC0415
    from hatch_staged.desk import Desk  # noqa: PLC0415
    from hatch_staged.local import LocalIndex  # noqa: PLC0415
    from hatch_staged.stage.session_tokens import SessionTokens  # noqa: PLC0415

    configured = read_settings(app)
    ours = Path(app.data_dir).absolute() / FOLDER
    hide(options.auth)
    login = Login(
        user=options.user,
        auth=options.auth,
        typed="auth" in options.typed,
        ca_cert=options.ca_cert,
        client_cert=options.client_cert,
        client_key=options.client_key,
        prompt=None if options.no_prompt or not at_terminal() else _prompt(app),
    )
    connections = Connections(configured.repos, LocalIndex(ours / "index"), login, ours / "last-users.json")
    return Desk(
        stage_file(Path(app.project.location), configured, stage_file_option),
        connections,
        cache_folder(app),
        # Who types an index insists on it; a variable may be there for Hatch's own publisher.
        repo=options.repo if "repo" in options.typed else None,
        default_repo=options.repo or configured.repo,
        expected=configured.expected,
        share_token=configured.share_token,
        tokens=SessionTokens(ours / "session-tokens.json", os.environ),
    )


def cache_folder(app: Application) -> Path:
    """Return where downloads are kept, and what indexes have said lately."""
    return Path(app.cache_dir).absolute() / FOLDER


def local_index_folder(app: Application) -> Path:
    """Return where the local index keeps its data."""
    return Path(app.data_dir).absolute() / FOLDER / "index"


@contextmanager
def reading(app: Application) -> Iterator[None]:
    """Turn what Hatch raises for mistakes in its files into `ConfigurationError`."""
    try:
        yield
    except (TypeError, ValueError, HatchConfigurationError) as error:
        # what Hatch raises for mistakes in its files, invalid TOML included
        raise ConfigurationError(f"the configuration is wrong: {error}", where=str(app.project.location)) from error


def at_terminal() -> bool:
    """Whether somebody can type; a program without a console has no standard input at all."""
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):
        return False


def _prompt(app: Application) -> Callable[[str, str | None], tuple[str, str]]:
    def ask(url: str, user: str | None) -> tuple[str, str]:
        # stdout may be for a program
        answered = app.prompt(f"Username for '{url}'", default=user or "__token__", err=True)
        return answered, app.prompt("Password / Token", hide_input=True, err=True)

    return ask
