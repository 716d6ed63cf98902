"""What an operator sets: the file ``index.toml`` in the index's data folder, read and checked as a whole."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from hatch_staged.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from dataclasses import Field
    from pathlib import Path

_TABLE = "limits"
_DAY = 24 * 60 * 60
# So that no sum of times leaves the calendar (seconds: a hundred years).
_LONGEST = 100 * 365 * _DAY


def _limit(default: int, *, least: int = 1, most: int = 2**60) -> int:
    """Return a field of `Limits` that an operator may set to a value from `least` to `most`."""
    return field(default=default, metadata={"least": least, "most": most})


@dataclass(frozen=True)
class Limits:
    """What the index grants; times in seconds, sizes in bytes."""

    #: "It is recommended that servers expunge their sessions after no less than a week"
    session_lifetime: int = _limit(7 * _DAY, most=_LONGEST)
    #: from a session's creation, with all its extensions
    longest_session: int = _limit(30 * _DAY, most=_LONGEST)
    #: how long the status of a session that has ended is kept
    retention: int = _limit(30 * _DAY, least=0, most=_LONGEST)
    file_size: int = _limit(10 * 1024**3)
    #: of all files of a session together, as declared
    session_size: int = _limit(100 * 1024**3)
    #: of a session, the deleted ones too: they are remembered as long as the session
    session_files: int = _limit(1000)
    #: of all published files of a project together; asked at publication
    project_size: int = _limit(1024**4)
    #: sessions of one project that are live at once
    open_sessions: int = _limit(100)
    #: names that one user has only reserved: nothing is published of these projects
    reserved_names: int = _limit(100)
    #: completing a larger file is deferred: "validation that may take longer than reasonable in a single HTTP request"
    immediate_size: int = _limit(64 * 1024**2, least=0)
    #: publishing more files is deferred
    immediate_files: int = _limit(100, least=0)
    #: of a JSON body
    request_size: int = _limit(1024**2, least=1024)
    #: how long a body may stop arriving, and how long a JSON body may take as a whole
    body_timeout: int = _limit(60, most=_LONGEST)
    #: of all fields of a form of the legacy API together, without the file; the description is one of them
    form_size: int = _limit(16 * 1024**2, least=1024)
    #: how long an object may lie without a row that points at it; longer than any upload takes
    orphan_age: int = _limit(_DAY, least=60, most=_LONGEST)
    #: between two looks for expired sessions and orphans
    sweep_interval: int = _limit(5 * 60, most=_LONGEST)
    #: between two looks for what is in processing, apart from those right after a request
    work_interval: int = _limit(60, most=_LONGEST)


def read_limits(file: Path) -> Limits:
    """Return the limits of the table ``[limits]`` in `file`, which need not exist; the others have their defaults.

    The keys are the fields of `Limits` in kebab-case.  Raises one `ConfigurationError` that names every mistake.
    """
    known = {limit.name.replace("_", "-"): limit for limit in fields(Limits)}
    tables = _read(file)
    limits = tables.get(_TABLE, {})
    mistakes = [f"{key} is unknown (known: {_TABLE})" for key in tables if key != _TABLE]
    if not isinstance(limits, dict):
        mistakes.append(f"{_TABLE} must be a table")
        limits = {}
    unknown = f"is unknown (known: {', '.join(sorted(known))})"
    for key, value in limits.items():
        mistake = _mistake(known[key], value) if key in known else unknown
        if mistake:
            mistakes.append(f"{_TABLE}.{key} {mistake}")
    if mistakes:
        raise ConfigurationError("; ".join(mistakes), where=str(file))
    granted = Limits(**{known[key].name: value for key, value in limits.items()})
    if granted.longest_session < granted.session_lifetime:
        raise ConfigurationError(
            f"{_TABLE}.longest-session, {granted.longest_session}, must not be below "
            f"{_TABLE}.session-lifetime, {granted.session_lifetime}",
            where=str(file),
        )
    return granted


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"this is no valid TOML: {error}", where=str(file)) from None


def _mistake(limit: Field[Any], value: object) -> str:
    """Return what is wrong with the value of a limit, or nothing."""
    least, most = limit.metadata["least"], limit.metadata["most"]
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return ""
    return f"must be a whole number from {least} to {most}"
