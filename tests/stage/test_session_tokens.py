"""Stage files without secrets: where the token is left out, where it comes from, and where it never goes."""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.pylock import Pylock

from hatch_staged.errors import ConfigurationError
from hatch_staged.stage import lock_documents, session_tokens, stagefile
from hatch_staged.stage.model import InvalidEntryError, StageFile
from hatch_staged.stage.session_tokens import PLACEHOLDER, VARIABLE, SessionTokens, filled, is_missing, withheld

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stage.conftest import MakeArtifact, MakeRelease

    from hatch_staged.stage.model import StagedArtifact, StagedRelease

TOKEN = "t0ken-of-a-session_0123456789-abcdef"
WHEEL = "foo-1.2.0-py3-none-any.whl"
STAGE = f"https://index.test/stage/{TOKEN}/simple/"


@pytest.fixture
def release(make_artifact: MakeArtifact, make_release: MakeRelease) -> StagedRelease:
    """Return a release as our index has it, that shall not share its token."""
    wheel = make_artifact(WHEEL, url=f"https://index.test/stage/{TOKEN}/files/{WHEEL}")
    return make_release(wheel, stage=STAGE, session_token=TOKEN, shares_token=False)


def test_a_stage_file_without_a_secret(release: StagedRelease) -> None:
    text = stagefile.dump(StageFile((release,)))
    assert text.startswith(f"# {lock_documents.HEADER_WITHOUT_SECRETS}\n")
    assert f'stage = "https://index.test/stage/{PLACEHOLDER}/simple/"' in text
    assert f'url = "https://index.test/stage/{PLACEHOLDER}/files/{WHEEL}"' in text
    assert "session-token" not in text
    assert TOKEN not in text
    Pylock.from_dict(tomllib.loads(text)).validate()
    read = stagefile.parse(text, "x")
    assert [is_missing(each) for each in read.releases] == [True]
    assert stagefile.dump(read) == text
    assert SessionTokens(variables={VARIABLE: TOKEN}).fill(read) == StageFile((release,))


def test_what_has_no_stage_has_nothing_to_withhold(make_artifact: MakeArtifact, make_release: MakeRelease) -> None:
    artifact = make_artifact(WHEEL, url=None, path=WHEEL)
    release = make_release(artifact, stage=None, session_token=None)
    assert withheld(release) == release


def test_one_secret_is_enough_for_the_warning_on_top(release: StagedRelease, make_release: MakeRelease) -> None:
    text = stagefile.dump(StageFile((release, make_release("bar-1.0.tar.gz"))))
    assert text.startswith(f"# {lock_documents.HEADER}\n")
    assert TOKEN not in text


# what may be in the segment of a URL, and what may not
_TOKENS = st.text("aZ09-_.~=+$&'()*,;:@!%/?#[]{}|\\\"<>`^é漢", min_size=1, max_size=40).filter(
    lambda text: text.strip(".") and text not in f"https://index.test/stage/simple/files/{WHEEL}/upload/sessions/1"
)


@given(_TOKENS)
def test_what_is_withheld_can_be_filled_in(token: str) -> None:
    from tests.stage.conftest import _artifact, _release  # noqa: PLC0415 - fixtures do not go with hypothesis

    stage = quote(token, safe="")
    wheel = _artifact(WHEEL, url=f"https://index.test/stage/{stage}/files/{WHEEL}")
    made = _release(wheel, stage=f"https://index.test/stage/{stage}/simple/", session_token=token, shares_token=False)
    assert filled(withheld(made), token) == made


def test_a_url_that_writes_the_token_in_another_way(release: StagedRelease) -> None:
    raw, quoted = "a=b:c@d~0123456789", "a%3Db%3Ac%40d~0123456789"
    made = replace(release, stage=f"https://index.test/stage/{raw}/simple/", artifacts=release.artifacts)
    made = replace(made, session_token=raw, artifacts=tuple(_at(each, raw) for each in release.artifacts))
    assert filled(withheld(made), raw).stage == f"https://index.test/stage/{quoted}/simple/"


def _at(artifact: StagedArtifact, token: str) -> StagedArtifact:
    return replace(artifact, url=f"https://index.test/stage/{token}/files/{artifact.filename}")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"session_token": None}, "not known which part"),
        ({"stage": "https://index.test/stage/derived/simple/"}, "not in the URL of its stage"),
        ({"stage": f"https://index.test/stage-{TOKEN}/simple/"}, "not in the URL of its stage"),
        ({"stage": f"https://other.test/stage/{TOKEN}/simple/"}, "in URLs of other hosts"),
        ({"session": f"https://other.test/{TOKEN}/"}, "in URLs of other hosts"),
        ({"session": f"https://index.test/?of={TOKEN}"}, "in an unusual place"),
        ({"session": f"https://index.test/{TOKEN}-1/"}, "in an unusual place"),
        ({"index": f"https://index.test/{TOKEN}/"}, "in an unusual place"),
    ],
)
def test_a_token_that_cannot_be_left_out(release: StagedRelease, fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        stagefile.dump(StageFile((replace(release, **fields),)))
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"https://index.test/stage/{PLACEHOLDER}/files", f"https://evil.test/stage/{PLACEHOLDER}/files"),
        (f"https://index.test/stage/{PLACEHOLDER}/files", f"http://index.test/stage/{PLACEHOLDER}/files"),
        (f"https://index.test/stage/{PLACEHOLDER}/files", f"https://index.test:444/stage/{PLACEHOLDER}/files"),
        (f"https://index.test/stage/{PLACEHOLDER}", f"https://{PLACEHOLDER}.evil.test"),
        ("https://index.test/upload/sessions/1", f"https://evil.test/{PLACEHOLDER}/"),
        (f'stage = "https://index.test/stage/{PLACEHOLDER}/simple/"\n', ""),
    ],
)
def test_a_stage_file_that_wants_the_token_to_go_elsewhere(release: StagedRelease, old: str, new: str) -> None:
    text = stagefile.dump(StageFile((release,)))
    assert old in text
    with pytest.raises(ConfigurationError, match="is in the URL of another host"):
        stagefile.parse(text.replace(old, new), "x")


def lacking(*releases: StagedRelease) -> StageFile:
    """Return the stage file as it is read."""
    return StageFile(tuple(replace(withheld(each), shares_token=False) for each in releases))


def known(stage_file: StageFile) -> dict[str, str | None]:
    return {str(release.project): release.session_token for release in stage_file.releases}


def test_several_releases_have_a_variable_each(release: StagedRelease, make_release: MakeRelease) -> None:
    other = make_release(
        "b_a.r-1.0.tar.gz", stage="https://index.test/stage/other-token/simple/", session_token="other-token"
    )
    both = lacking(release, other)
    for variables, tokens in (
        ({}, (None, None)),
        ({VARIABLE: TOKEN}, (None, None)),
        ({VARIABLE: TOKEN, f"{VARIABLE}_B_A_R": "other-token"}, ("other-token", None)),
        ({f"{VARIABLE}_FOO": TOKEN, f"{VARIABLE}_B_A_R": "other-token"}, ("other-token", TOKEN)),
    ):
        found = known(SessionTokens(variables=variables).fill(both))
        assert (found["b-a-r"], found["foo"]) == tokens
    shared = StageFile((*lacking(release).releases, replace(other, shares_token=True)))
    assert known(SessionTokens(variables={VARIABLE: TOKEN}).fill(shared)) == {"b-a-r": "other-token", "foo": TOKEN}


@pytest.mark.parametrize("token", [".", "..", "a b", "a\nb"])
def test_a_variable_that_is_no_token(release: StagedRelease, token: str) -> None:
    with pytest.raises(ConfigurationError, match="this is no session token"):
        SessionTokens(variables={VARIABLE: token}).fill(lacking(release))


def test_who_staged_it_needs_no_variable(release: StagedRelease, tmp_path: Path) -> None:
    tokens = SessionTokens(tmp_path / "ours" / "session-tokens.json")
    tokens.remember(release)
    ours = tokens.fill(lacking(release))
    assert known(ours) == {"foo": TOKEN}
    assert [each.token_variable for each in ours.releases] == [None]
    for variable in (VARIABLE, f"{VARIABLE}_FOO"):
        others = replace(tokens, variables={variable: "another"}).fill(lacking(release))
        assert known(others) == {"foo": "another"}
        assert [each.token_variable for each in others.releases] == [variable]
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "ours" / "session-tokens.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("host", ["https://evil.test", "http://index.test", "https://index.test:444"])
def test_what_is_remembered_goes_nowhere_else(release: StagedRelease, tmp_path: Path, host: str) -> None:
    tokens = SessionTokens(tmp_path / "session-tokens.json")
    tokens.remember(release)
    text = stagefile.dump(StageFile((release,)))
    edited = text.replace("https://index.test/stage", f"{host}/stage")
    assert known(tokens.fill(stagefile.parse(edited, "x"))) == {"foo": None}


def test_only_the_newest_are_remembered(
    release: StagedRelease, make_release: MakeRelease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_tokens, "_MOST", 2)
    tokens = SessionTokens(tmp_path / "session-tokens.json")
    for each in (release, make_release("bar-1.0.tar.gz"), release, make_release("baz-1.0.tar.gz")):
        tokens.remember(each)
    remembered = json.loads((tmp_path / "session-tokens.json").read_text())
    assert [key.split()[1] for key in remembered] == ["foo", "baz"]


def test_what_cannot_be_remembered(release: StagedRelease, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for nowhere in (SessionTokens(), SessionTokens(tmp_path / "file" / "session-tokens.json")):
        nowhere.remember(release)
        assert known(nowhere.fill(lacking(release))) == {"foo": None}
    tokens = SessionTokens(tmp_path / "session-tokens.json")
    key = "https://index.test/upload/ foo 1.2.0"
    for damaged in ("{", "[]", json.dumps({key: 1}), json.dumps({key: {}}), json.dumps({key: {"token": ".."}})):
        (tmp_path / "session-tokens.json").write_text(damaged)
        assert known(tokens.fill(lacking(release))) == {"foo": None}


def test_the_check_is_of_the_release_too(release: StagedRelease) -> None:
    with pytest.raises(InvalidEntryError):
        session_tokens.check(replace(withheld(release), stage=None))
