"""The verbs of whoever runs an index: ``serve``, ``token`` and ``project``.

Like `hatch_staged.cli`, imported at every start of Hatch, so it imports late.
"""

from __future__ import annotations

from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hatch.cli.application import Application

    from hatch_staged.index.core import Index
    from hatch_staged.index.records import Token

    Function = Callable[..., Any]

PERMISSIONS = ("stage", "publish", "admin")


def _with_folder(function: Function) -> Function:
    """Give a verb the folder of the index's data in place of ``--data-dir``; report what it raises."""

    @click.option(
        "--data-dir",
        type=click.Path(file_okay=False),
        help="The folder of the index's data [default: that of the local index]",
    )
    @click.pass_obj
    @wraps(function)
    def run(app: Application, /, *, data_dir: str | None, **given: Any) -> None:
        from hatch_staged.hatch.context import local_index_folder  # noqa: PLC0415 - see above
        from hatch_staged.hatch.display import reporting  # noqa: PLC0415 - see above
        from hatch_staged.local import require_index  # noqa: PLC0415 - see above

        with reporting():
            require_index()
            function(local_index_folder(app) if data_dir is None else Path(data_dir).absolute(), **given)

    return run


def _with_index(function: Function) -> Function:
    """Give a verb the opened index in place of ``--data-dir``, and where it is; there has to be one."""

    @_with_folder
    @wraps(function)
    def run(folder: Path, /, **given: Any) -> None:
        from hatch_staged.errors import ConfigurationError, StagedError  # noqa: PLC0415 - see above
        from hatch_staged.index.core import has_index, open_index  # noqa: PLC0415 - see above

        if not has_index(folder):
            raise ConfigurationError(
                f"there is no index in {folder}", hint="`hatch-staged serve` or `hatch-staged token create` makes one"
            )
        with closing(open_index(folder)) as index:
            try:
                function(index, folder, **given)
            except StagedError as error:
                error.where = error.where or str(folder)
                raise

    return run


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on")
@click.option("--port", type=click.IntRange(0, 65535), default=8694, show_default=True, help="0 takes any free port")
@click.option("--base-url", help="The URL that clients use, where a proxy stands in front")
@click.option("--idle-timeout", type=click.FloatRange(0, min_open=True), help="Stop after SECONDS without a request")
@click.option("--stop", is_flag=True, help="Stop the index that serves this folder, and start none")
@_with_folder
def serve(folder: Path, *, host: str, port: int, base_url: str | None, idle_timeout: float | None, stop: bool) -> None:
    """Run the Upload 2.0 index."""
    if stop:
        from hatch_staged.index import presence  # noqa: PLC0415 - see above

        click.echo("stopped" if presence.stop(folder) else f"no index serves {folder}")
        return
    from hatch_staged.index import server  # noqa: PLC0415 - see above

    server.serve(
        data_dir=folder, host=host, port=port, base_url=base_url, idle_timeout=idle_timeout, announce=click.echo
    )


@click.group()
def token() -> None:
    """Create, list and revoke the API tokens of an index."""


@token.command()
@click.option("--user", required=True, help="Whose it is")
@click.option("--project", "projects", multiple=True, help="A project that it is good for, whoever owns it; repeatable")
@click.option(
    "--can",
    "permissions",
    multiple=True,
    type=click.Choice(PERMISSIONS),
    default=("stage", "publish"),
    show_default=True,
    help="What it allows; repeatable",
)
@_with_folder
def create(folder: Path, *, user: str, projects: Sequence[str], permissions: Sequence[str]) -> None:
    """Create a token and print it, this once; in a folder without an index, create that first."""
    from hatch_staged.index import tokens  # noqa: PLC0415 - see above
    from hatch_staged.index.core import has_index, open_index  # noqa: PLC0415 - see above
    from hatch_staged.index.records import Permission  # noqa: PLC0415 - see above

    can = [Permission(each) for each in permissions]
    is_new = not has_index(folder)
    with closing(open_index(folder)) as index:
        if is_new:
            click.echo(f"a new index in {folder}", err=True)
        click.echo(tokens.create(index, user=user, projects=projects, permissions=can))


@token.command("list")
@_with_index
def list_tokens(index: Index, folder: Path) -> None:
    """List the tokens, without their secrets."""
    from hatch_staged.index import tokens  # noqa: PLC0415 - see above

    found = tokens.every(index)
    if not found:
        click.echo(f"no tokens in {folder}", err=True)
    for each in found:
        can = ",".join(sorted(permission.value for permission in each.permissions))
        projects = ",".join(sorted(each.projects)) or "the user's own projects"
        state = f"revoked {each.revoked_at:%Y-%m-%d}" if each.revoked_at else "valid"
        click.echo(f"{each.id}  {each.user}  {can}  {projects}  created {each.created_at:%Y-%m-%d}  {state}")


@token.command()
@click.argument("identifier", metavar="ID")
@_with_index
def revoke(index: Index, _folder: Path, *, identifier: str) -> None:
    """Revoke the token that `list` shows as ID, at once."""
    from hatch_staged.errors import StagedError  # noqa: PLC0415 - see above
    from hatch_staged.index import tokens  # noqa: PLC0415 - see above

    if not tokens.revoke(index, identifier):
        raise StagedError(f"there is no valid token {identifier}", hint="`hatch-staged token list` shows them")
    click.echo(f"{identifier} is revoked")


@click.group()
def project() -> None:
    """List the projects of an index, and say who may use them."""


def _with_project_and_user(function: Function) -> Function:
    return click.argument("name", metavar="PROJECT")(click.argument("user", metavar="USER")(_with_index(function)))


@project.command("list")
@_with_index
def list_projects(index: Index, folder: Path) -> None:
    """List the projects with their owners and members."""
    from hatch_staged.index import projects  # noqa: PLC0415 - see above

    found = projects.every(index)
    if not found:
        click.echo(f"no projects in {folder}", err=True)
    for each in found:
        listed = each.project
        state = f"registered {listed.registered_at:%Y-%m-%d}" if listed.registered_at else "reserved"
        click.echo(f"{listed.name}  {listed.owner}  {','.join(each.members) or 'no members'}  {state}")


@project.command()
@_with_project_and_user
def add(index: Index, _folder: Path, *, name: str, user: str) -> None:
    """Make USER a member: their tokens reach PROJECT as its owner's do."""
    from hatch_staged.index import projects, tokens  # noqa: PLC0415 - see above

    projects.add_member(index, name, user)
    click.echo(f"{user} is a member of {name}")
    if not any(each.user == user and each.revoked_at is None for each in tokens.every(index)):
        click.echo(f"{user} has no valid token", err=True)


@project.command()
@_with_project_and_user
def remove(index: Index, _folder: Path, *, name: str, user: str) -> None:
    """Let USER be no member of PROJECT any more, at once."""
    from hatch_staged.index import projects  # noqa: PLC0415 - see above

    staying = projects.remove_member(index, name, user)
    click.echo(f"{user} is no member of {name} any more")
    _tell_of(staying, name)


@project.command()
@_with_project_and_user
def transfer(index: Index, _folder: Path, *, name: str, user: str) -> None:
    """Make USER the owner of PROJECT in the place of whoever was, at once."""
    from hatch_staged.index import projects  # noqa: PLC0415 - see above

    staying = projects.transfer(index, name, user)
    click.echo(f"{name} belongs to {user}")
    _tell_of(staying, name)


def _tell_of(staying: Iterable[Token], name: str) -> None:
    for each in staying:
        click.echo(
            f"token {each.id} of {each.user} is made for {name} and stays good; "
            f"`hatch-staged token revoke {each.id}` ends it",
            err=True,
        )
