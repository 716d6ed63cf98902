"""What is written for other tools: what they make of it, and that nobody's text becomes a command."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from packaging.pylock import Pylock
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from tests.stage.conftest import EXPIRES

from hatch_staged.stage import export
from hatch_staged.stage.export import Available

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stage.conftest import MakeArtifact, MakeRelease

WHEEL, SDIST = "foo-1.2.0-py3-none-any.whl", "foo-1.2.0.tar.gz"
TOKEN = "s3ssion-t0ken-of-the-publishing-session"
#: what a shell, a workflow command, a table, a page or a terminal would take for something else
HOSTILE = "a'\"$(touch x)`touch x`;|&<b>%0A::set-output::|\r\n::stop-commands::x\n| [link](https://evil.test)\x1b[2J"

_OF_RELEASE = ("session_token", "index", "expires_at", "requires_python")


@pytest.fixture
def available(make_artifact: MakeArtifact, make_release: MakeRelease) -> Callable[..., Available]:
    """Return a function that makes a release that can be had; keywords replace its fields."""

    def make(*filenames: str, **fields: Any) -> Available:
        time = datetime(2026, 11, 22, 7, 0, 0, 5, tzinfo=timezone.utc)
        artifacts = [make_artifact(name, upload_time=time) for name in filenames or (WHEEL, SDIST)]
        release = replace(
            make_release(*artifacts, session_token=TOKEN, stage=f"https://index.test/stage/{TOKEN}/simple/"),
            **{key: fields.pop(key) for key in _OF_RELEASE if key in fields},
        )
        urls = {name: f"https://index.test/stage/{TOKEN}/files/{name}" for name in filenames or (WHEEL, SDIST)}
        return Available(release, **{"urls": urls, "index_url": release.stage, "status": "open", **fields})

    return make


def test_a_lock_document(available: Callable[..., Available]) -> None:
    found = available(requires_python=SpecifierSet(">=3.10"))
    text = export.pylock([found, available("bar-1.0.tar.gz")])
    assert "Session tokens are in it: whoever holds it can install foo 1.2.0, bar 1.0." in text.splitlines()[0]
    lock = Pylock.from_dict(tomllib.loads(text))
    lock.validate()
    foo, bar = lock.packages
    assert (foo.name, str(foo.requires_python), foo.tool, bar.name) == ("foo", ">=3.10", None, "bar")
    assert foo.wheels is not None
    assert foo.sdist is not None
    assert [foo.wheels[0].url, foo.sdist.url] == list(found.urls.values())
    assert foo.wheels[0].hashes == found.release.artifacts[0].hashes
    assert "session" not in text.partition("\n")[2].replace(TOKEN, "")


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("pylock.toml", True),
        (export.PYLOCK_NAME, True),
        ("pylock.a.b.toml", False),
        (".stage.toml", False),
        ("xpylock.toml", False),
    ],
)
def test_the_names_of_lock_documents(name: str, good: bool) -> None:  # noqa: FBT001 - what is expected
    assert export.is_pylock_name(name) is good


def test_requirements(available: Callable[..., Available]) -> None:
    found = available()
    wheel = found.release.artifacts[0]
    header, python, line = export.requirements([(found, wheel)], "3.12.1").splitlines()
    assert "Session tokens are in it" in header
    assert "Python 3.12.1" in python
    parsed = Requirement(line)
    assert (parsed.name, parsed.url) == ("foo", f"{found.urls[WHEEL]}#sha256={wheel.sha256}")
    assert len(export.requirements([(found, wheel)], None).splitlines()) == 2


@pytest.mark.parametrize(
    ("url", "written"),
    [
        (f"https://h.test/${{SECRET}}/{WHEEL}", f"https://h.test/%24%7BSECRET%7D/{WHEEL}"),
        (f"https://${{SECRET}}.test/{WHEEL}", f"https://%24%7BSECRET%7D.test/{WHEEL}"),
        (f"https://h.test/a%20b/é\\/{WHEEL}?x=$Y;z#egg=evil", f"https://h.test/a%20b/%C3%A9%5C/{WHEEL}?x=%24Y;z"),
        (f"https://[::1]:8694/{WHEEL}", f"https://[::1]:8694/{WHEEL}"),
    ],
)
def test_no_variable_of_whoever_installs_gets_into_a_url(
    available: Callable[..., Available], url: str, written: str
) -> None:
    found = available(WHEEL, urls={WHEEL: url})
    artifact = found.release.artifacts[0]
    line = export.requirements([(found, artifact)], None).splitlines()[-1]
    assert line == f"foo @ {written}#sha256={artifact.sha256}"


def test_json(available: Callable[..., Available]) -> None:
    found = available(WHEEL)
    [release] = json.loads(export.as_json([found]))["releases"]
    [file] = release.pop("files")
    assert release == {
        "project": "foo",
        "version": "1.2.0",
        "requires-python": None,
        "index": "https://index.test/upload/",
        "session": "https://index.test/upload/sessions/1",
        "status": "open",
        "expires-at": "2026-11-29T07:00:00Z",
        "digest": found.release.digest,
        "stage": found.index_url,
        "session-token": TOKEN,
        "index-url": found.index_url,
    }
    assert file == {
        "filename": WHEEL,
        "kind": "wheel",
        "url": found.urls[WHEEL],
        "size": 7,
        "upload-time": "2026-11-22T07:00:00.000005Z",
        "hashes": found.release.artifacts[0].hashes,
    }


def sourced(text: str, *names: str, **variables: str) -> list[str]:
    """Return the values that a shell has for `names` after the lines `text`."""
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("there is no POSIX shell")
    script = text + "".join(f'printf "%s\\0" "${{{name}-unset}}"\n' for name in names)
    ran = subprocess.run(
        [shell, "-eu", "-c", script],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        check=True,
    )
    assert ran.stderr == b""
    return ran.stdout.decode().split("\0")[:-1]


def test_lines_for_a_shell(available: Callable[..., Available]) -> None:
    found = available()
    text = export.env([found])
    assert text.startswith("# Written by hatch-staged. Session tokens are in it")
    assert sourced(text, "PIP_EXTRA_INDEX_URL", "UV_INDEX", "HATCH_STAGE_TOKEN") == [
        found.index_url,
        found.index_url,
        TOKEN,
    ]
    before = {"PIP_EXTRA_INDEX_URL": "https://a.test/ https://b.test/", "UV_INDEX": "c=https://c.test/"}
    assert sourced(text, *before, **before) == [f"{found.index_url} {value}" for value in before.values()]


def test_several_releases_have_several_tokens(available: Callable[..., Available]) -> None:
    bar = available("b_ar-1.0.tar.gz", session_token="of-bar", index_url="https://index.test/stage/of-bar/simple/")
    public = available("baz-1.0.tar.gz", status="published", index_url="https://index.test/simple/")
    unknown = available("quux-1.0.tar.gz", session_token=None)
    text = export.env([bar, public, available(), unknown])
    names = ("HATCH_STAGE_TOKEN", "HATCH_STAGE_TOKEN_B_AR", "HATCH_STAGE_TOKEN_BAZ", "HATCH_STAGE_TOKEN_FOO")
    assert sourced(text, "UV_INDEX", *names) == [
        f"https://index.test/stage/of-bar/simple/ https://index.test/simple/ https://index.test/stage/{TOKEN}/simple/",
        *("unset", "of-bar", "unset", TOKEN),
    ]
    assert "can install b-ar 1.0, foo 1.2.0, quux 1.0." in text


def test_of_what_is_public_there_is_no_secret_to_tell(available: Callable[..., Available]) -> None:
    public = available(status="published", index_url=None, urls={WHEEL: "https://x.test/a", SDIST: "https://x.test/b"})
    assert export.env([public]) == "# Written by hatch-staged.\n"
    assert export.github_masks([public]) == ""
    assert export.pylock([public]).startswith("# Written by hatch-staged.\n")
    assert "is published" in export.github_summary([public])
    assert "pip install foo==1.2.0" in export.github_summary([public])


def test_nothing_that_an_index_says_is_a_command_for_a_shell(available: Callable[..., Available]) -> None:
    token = HOSTILE.replace("\x1b", "")
    found = available(session_token=token, index_url="https://h.test/'$(touch x)`touch x`\"/simple/")
    assert sourced(export.env([found]), "UV_INDEX", "HATCH_STAGE_TOKEN") == [found.index_url, token]


def test_masks(available: Callable[..., Available]) -> None:
    assert export.github_masks([available(), available("bar-1.0.tar.gz")]) == f"::add-mask::{TOKEN}\n"
    masks = export.github_masks([available(session_token="two\nlines %&=")]).splitlines()
    assert masks == [
        *("::add-mask::two", "::add-mask::lines %25&="),
        "::add-mask::two%250Alines%2520%2525%2526%253D",
    ]
    unknown = available(session_token=None)
    assert export.github_masks([unknown]).splitlines() == [
        f"::add-mask::{url}" for url in (unknown.index_url, *unknown.urls.values())
    ]


def outputs(text: str) -> dict[str, str]:
    """Return the outputs as GitHub reads them."""
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, marker, delimiter = line.partition("<<")
        assert marker
        value = []
        for inner in lines:
            if inner == delimiter:
                break
            value.append(inner)
        found[name] = "\n".join(value)
    return found


def test_step_outputs(available: Callable[..., Available]) -> None:
    found = available()
    told = outputs(export.github_outputs([found], "random"))
    assert json.loads(told.pop("releases")) == json.loads(export.as_json([found]))["releases"]
    assert told == {
        "project": "foo",
        "version": "1.2.0",
        "index": "https://index.test/upload/",
        "status": "open",
        "expires-at": "2026-11-29T07:00:00Z",
        "digest": found.release.digest,
        "session-token": TOKEN,
        "stage-url": found.index_url,
    }
    several = outputs(export.github_outputs([found, available("bar-1.0.tar.gz")], "random"))
    assert [each["project"] for each in json.loads(several.pop("releases"))] == ["foo", "bar"]
    assert several == {}


def test_no_value_ends_an_output_or_begins_another(available: Callable[..., Available]) -> None:
    token = "x\nEOF\nevil<<EOF\nvalue\nEOF"
    told = outputs(export.github_outputs([available(session_token=token, expires_at=None)], "random-0f0f"))
    assert told["session-token"] == token
    assert told["expires-at"] == ""
    assert "evil" not in told


def test_a_job_summary(available: Callable[..., Available]) -> None:
    found = available(expires_at=EXPIRES)
    text = export.github_summary([found])
    assert "### foo 1.2.0 is staged, not published\n" in text
    assert "open, until 2026-11-29 07:00 UTC" in text
    for artifact in found.release.artifacts:
        assert f"| `{artifact.filename}` | 7 bytes | `{artifact.sha256}` |\n" in text
    assert f"`{found.release.digest}`" in text
    assert "hatch-staged install" in text
    assert TOKEN not in text


def test_nothing_that_an_index_says_is_markup_in_a_summary(available: Callable[..., Available]) -> None:
    found = available(WHEEL, notices=(HOSTILE, "www.evil.test @everybody #1"), index="https://h.test/|`<b>`[x](y)/")
    text = export.github_summary([found])
    shown = re.sub(r"`[A-Za-z0-9._:+! -]*`|&#[0-9]+;", "", text)
    assert not re.search(r"[<\[`@$\\\x1b\r]|www\.|http:", shown)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 3
    assert len([line for line in text.splitlines() if line.startswith("- ")]) == 2
