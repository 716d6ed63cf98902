"""Projects and who may use them: looked at and changed by whoever has the index's database, that is its operator.

All of it works for names that are only reserved, too, and counts from the next request on.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, canonicalize_name

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.index.database import member_rows, project_rows, token_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_staged.index.core import Index
    from hatch_staged.index.database.engine import Transaction
    from hatch_staged.index.records import Project, Token


@dataclass(frozen=True)
class Membership:
    """A project with those who may use it beside its owner, sorted."""

    project: Project
    members: tuple[str, ...]


def every(index: Index) -> tuple[Membership, ...]:
    """Return all projects, the reserved ones too, by name."""
    with index.database.reading() as tx:
        return tuple(
            Membership(project, member_rows.of_project(tx, project.name)) for project in project_rows.every(tx)
        )


def add_member(index: Index, name: str, user: str) -> None:
    """Let the tokens of `user` reach the project as those of its owner do.

    Raises `ConfigurationError` for a name that cannot be one, and `StagedError` if there is no such project or the
    user owns it.
    """
    with _changing(index, name, user) as (tx, project):
        if project.owner == user:
            raise StagedError(f"{user} owns {project.name}, and needs not be a member")
        member_rows.add(tx, project.name, user)


def remove_member(index: Index, name: str, user: str) -> tuple[Token, ...]:
    """Let them not reach it any more; raise as `add_member` does, and `StagedError` if `user` is no member.

    Return the tokens of `user` that were made for this very project: they stay good for it until they are revoked.
    """
    with _changing(index, name, user) as (tx, project):
        if not member_rows.remove(tx, project.name, user):
            hint = "`hatch-staged project transfer` gives it to another" if project.owner == user else ""
            what = "owns it" if project.owner == user else "is no member of it"
            raise StagedError(f"{user} cannot be removed from {project.name}: {user} {what}", hint=hint)
        return token_rows.made_for(tx, project.name, user)


def transfer(index: Index, name: str, user: str) -> tuple[Token, ...]:
    """Make `user` the owner of the project in the place of whoever was; raise as `add_member` does.

    Return the tokens of whoever was that were made for this very project: they stay good for it until they are revoked.
    """
    with _changing(index, name, user) as (tx, project):
        project_rows.give(tx, project.name, user)
        member_rows.remove(tx, project.name, user)
        return () if project.owner == user else token_rows.made_for(tx, project.name, project.owner)


def normalized(name: str) -> str:
    """Return the normalized form of a project's name; raise `ConfigurationError` if it is not valid."""
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        raise ConfigurationError(f"{name!r} is not a valid project name") from None


@contextmanager
def _changing(index: Index, name: str, user: str) -> Iterator[tuple[Transaction, Project]]:
    """Yield the project in a transaction that writes."""
    project_name = normalized(name)
    if not user.strip():
        raise ConfigurationError("the name of a user is needed")
    with index.database.writing() as tx:
        project = project_rows.find(tx, project_name)
        if project is None:
            raise StagedError(f"there is no project {project_name}", hint="`hatch-staged project list` shows them")
        yield tx, project
