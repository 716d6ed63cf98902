"""Pulling: the stage file written from what an index says of a staged release.

With credentials the index is asked for the publishing session, by name and version.  Whoever has the session token, or
the URL of the stage, needs none: "it grants read-only preview access to any client that holds the token" (PEP 694).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, unquote, urljoin

import msgspec
from msgspec import UnsetType
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from hatch_staged import repositories
from hatch_staged.errors import ConfigurationError, ProtocolError, StagedError, StageGoneError
from hatch_staged.protocol.distributions import parse_filename
from hatch_staged.protocol.versions import parse_version
from hatch_staged.redaction import hide, redact
from hatch_staged.releases import keep_new, load_or_empty
from hatch_staged.stage import entries
from hatch_staged.stage.named import Named
from hatch_staged.stage.session_tokens import VARIABLE, refuse_unless_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.utils import NormalizedName

    from hatch_staged.client.upload_api import Client
    from hatch_staged.desk import Desk
    from hatch_staged.protocol.simple import ProjectPage
    from hatch_staged.stage.model import StagedRelease

_Found = TypeVar("_Found", str, Version)

#: How many of what should be one an error names.
_SHOWN = 10


@dataclass(frozen=True)
class Capability:
    """What gives access to a stage without credentials: its session token, its URL, or both.

    `typed` names those that were given on the command line; they come before those from variables.
    """

    token: str | None = None
    url: str | None = None
    typed: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        hide(self.token)


def pull(desk: Desk, text: str | None, capability: Capability) -> StagedRelease:
    """Write into the stage file the release that `text` (``NAME==VERSION``) names, or that `capability` leads to.

    With a capability nobody needs credentials, and `text` is checked.  Raises `StageGoneError` if there is no such
    stage, `ConfigurationError` for a text of another kind, and for a capability that leads to another release.
    """
    wanted = None if text is None else Named.parse(text)
    token, url, typed = capability.token, capability.url, capability.typed
    load_or_empty(desk.stage_file)
    if url is not None and ("url" in typed or "token" not in typed):
        return _by_url(desk, url, wanted, _token_in(url, token, insisted="token" in typed))
    if token is not None:
        return _by_token(desk, token, wanted, "--token" if "token" in typed else VARIABLE)
    if wanted is not None:
        return _by_name(desk, wanted)
    raise ConfigurationError("nothing says what to pull", hint="name NAME==VERSION, or give --token or --url")


def _by_name(desk: Desk, wanted: Named) -> StagedRelease:
    repository = desk.repository()
    with desk.connections.open(repository) as client:
        session = client.find_session(wanted.project, str(wanted.version))
        if session is None:
            raise StageGoneError(f"nothing is staged as {wanted}", where=redact(repository.url))
        if session.links.stage is None:
            raise StagedError(
                f"{wanted} cannot be pulled: its index has no previews, so it tells no hashes",
                where=redact(repository.url),
                hint="copy the stage file of whoever staged it",
            )
        page = client.project_page(session.links.stage, wanted.project)
        staged = entries.from_session(repository.url, session, page, project=wanted.project, version=wanted.version)
    return keep_new(desk, staged)


def _by_token(desk: Desk, token: str, wanted: Named | None, origin: str) -> StagedRelease:
    refuse_unless_token(token)
    repository = desk.repository()
    # "The stage URL MUST be calculable from the session token, using a format documented by the index": that of ours.
    stage = urljoin(f"{repository.url.rstrip('/')}/", f"../stage/{quote(token, safe='')}/simple/")
    gone = StageGoneError(
        f"the token of {origin} does not open a stage{'' if wanted is None else f' of {wanted}'}, or not any more",
        where=redact(repository.url),
        hint="is the token one of this index? --url takes the URL of a stage anywhere",
    )
    with desk.connections.anonymous(repository) as client:
        page = _page(client, stage, wanted, gone)
    return _written(desk, page, wanted, index=repository.url, stage=stage, token=token)


def _by_url(desk: Desk, url: str, wanted: Named | None, token: str | None) -> StagedRelease:
    if mistake := repositories.url_mistake(url):
        raise ConfigurationError(f"the URL of the stage {mistake}", where=redact(url))
    stage = f"{url.rstrip('/')}/"
    gone = StageGoneError("there is no such stage, or not any more", where=redact(stage), hint="is the URL right?")
    with desk.connections.anonymous(desk.connections.around(stage)) as client:
        page = _page(client, stage, wanted, gone)
    return _written(desk, page, wanted, index=_index_of(desk, stage, page), stage=stage, token=token)


def _token_in(url: str, token: str | None, *, insisted: bool) -> str | None:
    """Return `token` if it is that of the stage at `url`; one that nobody insists on may be there for another."""
    if token is None or token in unquote(url):
        return token
    if insisted:
        raise ConfigurationError("the session token is not in the URL of the stage", where=redact(url))
    return None


def _page(client: Client, stage: str, wanted: Named | None, gone: StageGoneError) -> ProjectPage:
    """Return the page of the project that the stage is of; its name is normalized.  Raises `gone` if there is none."""
    if wanted is None:
        names = client.projects(stage)
        if names is None:
            raise gone
        name = _only([_normalized(name, stage) for name in names], "projects", stage)
    else:
        name = wanted.project
    page = client.project_page(stage, name)
    if page is None:
        raise gone
    if _normalized(page.name, stage) != name:
        raise ProtocolError(f"in the place of the page of {name} is one of another project", where=redact(stage))
    return msgspec.structs.replace(page, name=name)


def _normalized(name: str, stage: str) -> NormalizedName:
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        raise ProtocolError("the stage names a project as none can be called", where=redact(stage)) from None


def _version(page: ProjectPage, stage: str, wanted: Named | None) -> Version:
    told = page.staged_session
    if isinstance(told, UnsetType):
        return wanted.version if wanted is not None else _only(_versions(page), "versions", stage)
    try:
        version = parse_version(told.version)
    except InvalidVersion:
        raise ProtocolError("the stage is of a version that is none", where=redact(stage)) from None
    if wanted is not None and version != wanted.version:
        raise ConfigurationError(f"this is the stage of {page.name} {version}, not of {wanted}", where=redact(stage))
    return version


def _versions(page: ProjectPage) -> Iterator[Version]:
    for file in page.files:
        try:
            said = parse_filename(file.filename)
        except ValueError:  # an egg, an installer: nothing that we stage
            continue
        if said.project == page.name:
            yield said.version


def _only(found: Iterable[_Found], what: str, stage: str) -> _Found:
    every = sorted(set(found))
    if not every:
        raise StagedError("nothing is staged there", where=redact(stage))
    if len(every) > 1:
        listed = ", ".join(str(each) for each in every[:_SHOWN])
        raise ConfigurationError(
            f"this is not the stage of one release: it has several {what}, such as {listed}",
            where=redact(stage),
            hint="say which one, too: hatch stage pull NAME==VERSION",
        )
    return every[0]


def _index_of(desk: Desk, stage: str, page: ProjectPage) -> str:
    """Return the root endpoint of the index that the stage belongs to."""
    if desk.repo is not None:
        return desk.repository().url
    told = page.staged_session
    if isinstance(told, UnsetType):
        raise ConfigurationError("the stage does not say of which index it is", where=redact(stage), hint="add --repo")
    if mistake := repositories.url_mistake(told.index):
        raise ProtocolError(f"the URL of the index, as the stage tells it, {mistake}", where=redact(stage))
    if not repositories.same_origin(told.index, stage):
        # credentials would go there later, to publish
        raise ConfigurationError(
            f"the stage says that it is of an index elsewhere, {redact(told.index)}",
            where=redact(stage),
            hint="add --repo, if you know which it is",
        )
    return desk.connections.at(told.index).url


def _written(
    desk: Desk, page: ProjectPage, wanted: Named | None, *, index: str, stage: str, token: str | None
) -> StagedRelease:
    version = _version(page, stage, wanted)
    name = canonicalize_name(page.name)
    staged = entries.from_stage(index, stage, page, session_token=token, project=name, version=version)
    return keep_new(desk, staged)
