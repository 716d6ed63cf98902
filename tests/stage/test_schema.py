"""The JSON Schema in the docs describes the stage files that we write, all of them and each key."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
import tomlkit
from hypothesis import given
from tests.stage.stage_files import UNHURRIED, stage_files

from hatch_staged.errors import ConfigurationError
from hatch_staged.protocol.states import SessionState
from hatch_staged.stage.stagefile import StagedRelease, StageFile, dump, parse

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from tests.stage.conftest import MakeRelease

SCHEMA = json.loads(
    Path(__file__).parents[2].joinpath("docs", "reference", "stage-file.schema.json").read_text(encoding="utf-8")
)


def validator(*, closed: bool = False) -> jsonschema_rs.Draft202012Validator:
    """Return a validator; with `closed`, of a schema that allows no key but those that it describes."""
    schema = json.loads(json.dumps(SCHEMA), object_hook=_closed if closed else None)
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)
    return schema


OPEN, CLOSED = validator(), validator(closed=True)


def as_json(text: str) -> dict[str, Any]:
    """Return the document as JSON has it: times are strings."""

    def render(value: object) -> str:
        assert isinstance(value, datetime)
        return value.isoformat()

    document: dict[str, Any] = json.loads(json.dumps(tomllib.loads(text), default=render))
    return document


@UNHURRIED
@given(stage_files())
def test_what_is_written_fits_and_has_no_other_keys(stage_file: StageFile) -> None:
    CLOSED.validate(as_json(dump(stage_file)))


def test_a_file_without_its_secret_and_its_session_fits(release: StagedRelease) -> None:
    withheld = replace(release, session=None, expires_at=None, shares_token=False)
    text = dump(StageFile((withheld,)))
    assert "${HATCH_STAGE_TOKEN}" in text
    CLOSED.validate(as_json(text))
    document = as_json(text)
    del document["packages"][0]["tool"]["hatch-staged"]["stage"]
    assert not OPEN.is_valid(document)


def test_the_words_of_a_status_are_those_of_a_session() -> None:
    described = SCHEMA["$defs"]["staged"]["properties"]["status"]["enum"]
    assert set(described) == {state.value for state in SessionState}


WHEEL, SDIST = "foo-1.2.0-py3-none-any.whl", "foo-1.2.0.tar.gz"
RELEASE = ("packages", 0)
STAGED = (*RELEASE, "tool", "hatch-staged")


@pytest.fixture
def release(make_release: MakeRelease) -> StagedRelease:
    return make_release(WHEEL, SDIST)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (("lock-version",), "2.0"),
        ((*RELEASE, "name"), "Foo"),
        ((*RELEASE, "sdist", "name"), "../foo-1.2.0.tar.gz"),
        ((*RELEASE, "sdist", "name"), "foo-1.2.0.zip"),
        ((*RELEASE, "sdist", "url"), "file:///foo-1.2.0.tar.gz"),
        ((*RELEASE, "sdist", "url"), "https://user:word@index.test/foo-1.2.0.tar.gz"),
        ((*RELEASE, "sdist", "path"), "foo-1.2.0.tar.gz"),
        ((*RELEASE, "sdist", "size"), -1),
        ((*RELEASE, "sdist", "size"), None),
        ((*RELEASE, "sdist", "hashes"), {"md5": "00"}),
        ((*RELEASE, "sdist", "hashes", "sha256"), "00"),
        ((*RELEASE, "wheels", 0, "url"), None),
        ((*STAGED, "index"), "ftp://index.test/"),
        ((*STAGED, "session"), "index.test/upload/1"),
        ((*STAGED, "digest"), None),
        ((*STAGED, "status"), "draft"),
        ((*STAGED, "expires-at"), "tomorrow"),
        ((*STAGED, "digest"), "sha256:0"),
        ((*STAGED, "expected"), "*"),
    ],
)
def test_what_is_refused_when_read_does_not_fit(
    release: StagedRelease, key: tuple[str | int, ...], value: object
) -> None:
    # None takes the key away
    text = dump(StageFile((release,)))
    document = as_json(text)
    OPEN.validate(document)
    place: Any = document
    for part in key[:-1]:
        place = place[part]
    if value is None:
        del place[key[-1]]
    else:
        place[key[-1]] = value
    assert not OPEN.is_valid(document)
    with pytest.raises(ConfigurationError):
        parse(json_as_toml(document), "x")


def json_as_toml(document: dict[str, Any]) -> str:
    """Return the document as TOML, its times as they are in a stage file where they are valid."""
    staged = document["packages"][0]["tool"]["hatch-staged"]
    with suppress(ValueError):
        staged["expires-at"] = datetime.fromisoformat(staged["expires-at"])
    return tomlkit.dumps(document)
