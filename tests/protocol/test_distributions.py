"""What file names say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag
from packaging.utils import BuildTag, canonicalize_name
from packaging.version import Version

from hatch_staged.protocol.distributions import Distribution, Kind, parse_filename

NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._]{0,8}[A-Za-z0-9])?", fullmatch=True).filter(
    lambda name: "__" not in name  # which no wheel may have
)
VERSIONS = st.builds(
    lambda epoch, numbers, suffix: f"{epoch}{'.'.join(map(str, numbers))}{suffix}",
    st.sampled_from(["", "1!"]),
    st.lists(st.integers(0, 3000), min_size=1, max_size=4),
    st.sampled_from(["", "a1", "b2", "rc3", ".post4", ".dev5", "rc1.post2.dev3", "+local.7"]),
)
TAGS = st.sampled_from(["py3-none-any", "py2.py3-none-any", "cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64"])
BUILDS: dict[str, BuildTag] = {"": (), "-1": (1, ""), "-2abc": (2, "abc")}


@given(NAMES, VERSIONS, st.sampled_from(sorted(BUILDS)), TAGS)
def test_wheels(name: str, version: str, build: str, tags: str) -> None:
    filename = f"{name}-{version}{build}-{tags}.whl"
    said = parse_filename(filename)
    interpreters, abis, platforms = (part.split(".") for part in tags.split("-"))
    assert said == Distribution(
        filename=filename,
        project=canonicalize_name(name),
        version=Version(version),
        kind=Kind.WHEEL,
        tags=frozenset(Tag(i, a, p) for i in interpreters for a in abis for p in platforms),
        build=BUILDS[build],
    )


@given(NAMES, VERSIONS)
def test_sdists(name: str, version: str) -> None:
    filename = f"{name}-{version}.tar.gz"
    said = parse_filename(filename)
    assert said == Distribution(filename, canonicalize_name(name), Version(version), Kind.SDIST)


@pytest.mark.parametrize(
    ("filename", "key"),
    [
        ("My.Project-1.0.tar.gz", "my-project-1.tar.gz"),
        ("my_project-1.00.tar.gz", "my-project-1.tar.gz"),
        ("my_project-1!1.0-py3-none-any.whl", "my-project-1!1--py3-none-any.whl"),
        ("foo-1-2-py3-none-any.whl", "foo-1-2-py3-none-any.whl"),
        ("foo_1-2-py3-none-any.whl", "foo-1-2--py3-none-any.whl"),
        ("foo-1-02b-py3.PY2-none-any.whl", "foo-1-2b-py2.py3-none-any.whl"),
        ("foo-1-cp39-abi3-linux_x86_64.any.linux_x86_64.whl", "foo-1--cp39-abi3-any.linux_x86_64.whl"),
    ],
)
def test_spellings_of_one_name_have_one_key(filename: str, key: str) -> None:
    assert parse_filename(filename).key == key


@pytest.mark.parametrize("filename", ["my-project-1.0.tar.gz", "My.Project-1.0.tar.gz", "my_project-1.0.tar.gz"])
def test_old_spellings_of_a_project(filename: str) -> None:
    assert parse_filename(filename).project == "my-project"


@pytest.mark.parametrize(
    "filename",
    [
        "",
        "foo",
        "foo-1.0.zip",
        "foo-1.0.tar.bz2",
        "foo-1.0.egg",
        "foo-1.0.TAR.GZ",
        ".tar.gz",
        ".whl",
        "-1.0.tar.gz",
        "foo-.tar.gz",
        "foo-one.tar.gz",
        "foo-1.0.whl",
        "foo-1.0-py3-none.whl",
        "foo-one-py3-none-any.whl",
        "foo__bar-1.0-py3-none-any.whl",
        "foo-1.0-build-py3-none-any.whl",
        "../foo-1.0.tar.gz",
        "/foo-1.0.tar.gz",
        "dist/foo-1.0-py3-none-any.whl",
        "dist\\foo-1.0-py3-none-any.whl",
        "..-1.0.tar.gz",
        "..-1.0-py3-none-any.whl",
        "_foo-1.0.tar.gz",
        "foo-1.0\0.tar.gz",
        "foo-1.0\n.tar.gz",
        "foo-1.0 .tar.gz",
        "foo bar-1.0.tar.gz",
        "\x1b[31mfoo-1.0.tar.gz",
        "fü-1.0-py3-none-any.whl",
        "foo-1.0-py3-none-<b>.whl",
        "foo-1.0-py3-none-any\n.whl",
        f"{'f' * 250}-1.0.tar.gz",
        f"foo-{'9' * 5000}.tar.gz",
        "foo-1.0.tar.gz.metadata",
    ],
)
def test_what_is_no_distribution(filename: str) -> None:
    with pytest.raises(ValueError, match=r"file ?name|Neither|Invalid|invalid|not normalized"):
        parse_filename(filename)


def test_the_longest_name_that_file_systems_take() -> None:
    filename = f"{'f' * (255 - len('-1.0.tar.gz'))}-1.0.tar.gz"
    assert parse_filename(filename).filename == filename


@given(
    st.text("fo1.0-_/\\ \n\0+!é", max_size=12).map(str), st.sampled_from([".whl", ".tar.gz", "-py3-none-any.whl", ""])
)
def test_any_text_is_a_distribution_or_refused(text: str, ending: str) -> None:
    filename = text + ending
    try:
        said = parse_filename(filename)
    except ValueError:
        return
    assert said.filename == filename
    assert not set("/\\ \n\0é") & set(filename)
    assert canonicalize_name(said.project) == said.project
