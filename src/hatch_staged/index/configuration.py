"""What an operator sets: the file ``index.toml`` in the index's data folder, read and checked as a whole."""

from __future__ import annotations

import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from hatch_staged.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from dataclasses import Field
    from pathlib import Path

    from hatch_staged.index.core import Limits

_Limits = TypeVar("_Limits", bound="Limits")

_TABLE = "limits"


def read_limits(file: Path, kind: type[_Limits]) -> _Limits:
    """Return the limits of the table ``[limits]`` in `file`, which need not exist; the others have their defaults.

    The keys are the fields of `kind` in kebab-case.  Raises one `ConfigurationError` that names every mistake.
    """
    known = {field.name.replace("_", "-"): field for field in fields(kind)}
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
    return kind(**{known[key].name: value for key, value in limits.items()})


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"this is no valid TOML: {error}", where=str(file)) from None


def _mistake(field: Field[Any], value: object) -> str:
    """Return what is wrong with the value of a limit, or nothing."""
    least, most = field.metadata["least"], field.metadata["most"]
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return ""
    return f"must be a whole number from {least} to {most}"
