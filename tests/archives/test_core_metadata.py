"""What METADATA and PKG-INFO may say."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_staged.archives import ArchiveError
from hatch_staged.archives.core_metadata import check
from hatch_staged.protocol.distributions import parse_filename

SDIST = parse_filename("foo_bar-1.2.0.tar.gz")
VALID = "Metadata-Version: 2.4\nName: Foo.Bar\nVersion: 1.2\n"


def refusal(raw: str | bytes) -> str:
    with pytest.raises(ArchiveError) as caught:
        check(raw.encode() if isinstance(raw, str) else raw, SDIST)
    return str(caught.value)


def test_what_is_read() -> None:
    raw = f"{VALID}Requires-Python: >=3.10\n\nVersion: of the description\n".encode()
    metadata = check(raw, SDIST)
    assert (metadata.project, metadata.version, metadata.raw) == ("foo-bar", SDIST.version, raw)
    assert metadata.requires_python == ">=3.10"


def test_python_need_not_be_required() -> None:
    assert check(VALID.encode(), SDIST).requires_python is None


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("Metadata-Version: 2.4\nName: other\nVersion: 1.2\n", "of other 1.2, the file name says foo-bar 1.2.0"),
        ("Metadata-Version: 2.4\nName: foo-bar\nVersion: 1.3\n", "of foo-bar 1.3, the file name says foo-bar 1.2.0"),
        ("Metadata-Version: 2.4\nVersion: 1.2\n", "has no Name"),
        ("Metadata-Version: 2.4\nName: foo-bar\n", "has no Version"),
        ("Metadata-Version: 2.4\nName:\nVersion: 1.2\n", "has no Name"),
        ("Name: foo-bar\nVersion: 1.2\n", "has no Metadata-Version"),
        ("", "has no Metadata-Version"),
        (f"\n{VALID}", "has no Metadata-Version"),
        (b"\xff\xfe\x00", "has no Metadata-Version"),
        ("Metadata-Version: 2.0\nName: foo-bar\nVersion: 1.2\n", "wrong Metadata-Version"),
        ("Metadata-Version: 9.0\nName: foo-bar\nVersion: 1.2\n", "wrong Metadata-Version"),
        ("Metadata-Version: 2.4\nName: foo-bar\nVersion: next\n", "wrong Version"),
        (f"Metadata-Version: 2.4\nName: foo-bar\nVersion: {'1' * 4000}\n", "wrong Version"),
        ("Metadata-Version: 2.4\nName: foo\x1b[31m\nVersion: 1.2\n", "wrong Name"),
        (f"{VALID}Name: foo-bar\n", "a Name that is there twice"),
        (f"{VALID}requires-python: >=3\nRequires-Python: >=4\n", "a Requires-Python that is there twice"),
        (VALID.encode() + b"Requires-Dist: caf\xe9\n", "a Requires-Dist that is there twice or is no UTF-8"),
        (f"{VALID}Requires-Python: three\n", "wrong Requires-Python"),
        (f"{VALID}Requires-Python: >={'9' * 5000}\n", "a Requires-Python of 5002 characters"),
        (f"{VALID}Requires-Dist: ~/somewhere\n", "wrong Requires-Dist"),
        (f"{VALID}Requires-Dist: a; {'(' * 4000}\n", "wrong Requires-Dist"),
        (f"{VALID}Provides-Extra: -\n", "wrong Provides-Extra"),
        (f"{VALID}Dynamic: Name\n", "wrong Dynamic"),
        (f"{VALID}License-Expression: mine\n", "wrong License-Expression"),
        (f"{VALID}License-File: ../LICENSE\n", "wrong License-Files"),
        (f"{VALID}Description-Content-Type: image/png\n", "wrong Description-Content-Type"),
        (f"{VALID}Description-Content-Type: text/plain; x*\n", "wrong Description-Content-Type"),
        (f"{VALID}Requires-Dist: {'a' * 5000}\n", "a Requires-Dist of 5000 characters"),
        (f"{VALID}License: {'a' * 2_000_000}\n", "more than 1048576 bytes"),
        (VALID + "X: y\n" * 20_001, "20000 fields"),
        (VALID + "".join(f"X{number}: y\n" for number in range(201)), "200 kinds of them"),
    ],
)
def test_what_is_refused(raw: str | bytes, told: str) -> None:
    message = refusal(raw)
    assert message.startswith("the metadata inside ")
    assert told in message


def test_fields_that_are_too_much_are_not_looked_for() -> None:
    raw = b"ab:\n" * (2 * 1024 * 1024)
    tracemalloc.start()
    try:
        assert "more than 1048576 bytes" in refusal(raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(raw)


@pytest.mark.parametrize(
    "lines",
    [
        # what PyPI has, in great numbers
        "License-File: LICENSE\n",
        "Home-page: UNKNOWN\nKeywords: a,b,,\n",
        f"License: {'all of it ' * 5000}\n",
        "Unheard-Of: yes\nAuthor: one\nAuthor: another\nProject-URL: without a label\n",
        "Requires-Dist: foo[bar] (>=1.0) ; python_version < '3'\nProvides-Extra: Under_score\n",
        "Summary: caf\u00e9\n",
        "Classifier: Private :: Do Not Upload\n",
        "Content-Type: multipart/mixed; boundary=x\n\n--x\nName: other\n",
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5"])
def test_what_is_taken(lines: str, version: str) -> None:
    check(VALID.replace("2.4", version).encode() + lines.encode(), SDIST)


def test_a_field_that_is_no_utf_8_and_does_not_matter() -> None:
    check(VALID.encode() + b"Author: Andr\xe9\n", SDIST)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines(end: str) -> None:
    raw = f"{VALID}License: one\n\tand two\n\nName: twice\n".replace("\n", end).encode()
    assert check(raw, SDIST).raw == raw


FIELDS = ["Name", "Version", "Requires-Python", "Requires-Dist", "License-Expression", "Provides-Extra", "Dynamic"]


@given(st.lists(st.tuples(st.sampled_from([*FIELDS, "Description-Content-Type", "License-File", "X"]), st.text())))
def test_whatever_fields_there_are(fields: list[tuple[str, str]]) -> None:
    raw = VALID + "".join(f"{name}: {value}\n" for name, value in fields)
    try:
        check(raw.encode(errors="surrogatepass"), SDIST)
    except ArchiveError as error:
        assert str(error).startswith("the metadata inside ")  # noqa: PT017 - or none
