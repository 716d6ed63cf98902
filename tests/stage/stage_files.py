"""Made-up stage files, of all kinds that there can be."""

from __future__ import annotations

from datetime import datetime, timezone

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from hatch_staged.protocol.states import SessionState
from hatch_staged.stage.model import StagedArtifact, StagedRelease, StageFile

#: The first example of a cold machine takes its time.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

_NAMES = st.from_regex(r"[a-z0-9]+(_[a-z0-9]+)?", fullmatch=True)
_VERSIONS = st.builds(
    lambda numbers, suffix: Version(".".join(map(str, numbers)) + suffix),
    st.lists(st.integers(0, 99), min_size=1, max_size=4),
    st.sampled_from(["", "a1", "rc2", ".post3", ".dev4", "+local.5"]),
)
_TIMES = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001 - hypothesis wants naive bounds
# what TOML has to quote, and what it need not
_TEXTS = st.text("aZ09 ./-_\"'\\#=[]{}\n\r\t\0\x1b\x7f\x85\u2028\ufeffé漢😀", max_size=40)
_URLS = st.from_regex(r"https?://[a-z]+(:80)?(/[A-Za-z0-9._~%!$&'()*+,;=:-]+){0,3}/", fullmatch=True)
_HASHES = st.fixed_dictionaries(
    {"sha256": st.binary(min_size=32, max_size=32).map(bytes.hex)},
    optional={"md5": st.binary(min_size=16, max_size=16).map(bytes.hex), "sha3_256": st.just("00")},
)
_SPECIFIERS = st.sampled_from([None, ">=3.10", ">=3.8,!=3.9.*,<4", "~=3.12"])


@st.composite
def _releases(draw: st.DrawFn) -> StagedRelease:
    name, version, url = draw(_NAMES), draw(_VERSIONS), draw(_URLS)
    tags = draw(
        st.sets(st.sampled_from(["py3-none-any", "cp310-cp310-win_amd64", "cp314-cp314t-musllinux_1_2_x86_64"]))
    )
    filenames = [f"{name}-{version}-{tag}.whl" for tag in tags]
    if draw(st.booleans()) or not filenames:
        filenames.append(f"{name}-{version}.tar.gz")
    local = draw(st.booleans())
    specifiers = draw(_SPECIFIERS)
    session = draw(st.none() | _URLS)
    return StagedRelease(
        project=canonicalize_name(name),
        version=version,
        requires_python=None if specifiers is None else SpecifierSet(specifiers),
        artifacts=tuple(
            StagedArtifact(
                filename=filename,
                url=None if local else url + filename,
                path=draw(_TEXTS) + "/" + filename if local else None,
                size=draw(st.integers(0, 2**62)),
                hashes=draw(_HASHES),
                upload_time=draw(st.none() | _TIMES),
            )
            for filename in filenames
        ),
        index=draw(_URLS),
        session=session,
        stage=draw(_URLS if session is None else st.none() | _URLS),
        session_token=draw(st.none() | _TEXTS),
        status=draw(st.sampled_from(SessionState)),
        expires_at=draw(st.none() | _TIMES),
        expected=tuple(draw(st.lists(_TEXTS, max_size=2))),
    )


def stage_files() -> st.SearchStrategy[StageFile]:
    """Return what makes up stage files."""
    releases = st.lists(_releases(), max_size=3, unique_by=lambda release: release.project)
    return releases.map(lambda made: StageFile(tuple(made)))
