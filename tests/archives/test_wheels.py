"""What a wheel has to have inside."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest
from tests.archives.building import DIST_INFO, METADATA, WHEEL_NAME, pack_wheel, record, wheel, wheel_members

from hatch_staged.archives import ArchiveError, bounds, inspect
from hatch_staged.protocol.distributions import parse_filename


def check(content: bytes, filename: str = WHEEL_NAME) -> bytes:
    return inspect(io.BytesIO(content), parse_filename(filename)).raw


def refusal(content: bytes, filename: str = WHEEL_NAME) -> str:
    with pytest.raises(ArchiveError) as caught:
        check(content, filename)
    return str(caught.value)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_wheel(compression: int) -> None:
    assert check(wheel(compression=compression)) == METADATA


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_not_every_installer_knows(compression: int) -> None:
    assert refusal(wheel(compression=compression)) == "the entry 'foo_bar.py' is neither stored nor deflated"


@pytest.mark.parametrize("name", ["METADATA", "WHEEL", "RECORD"])
def test_each_of_three_files_is_there(name: str) -> None:
    assert refusal(wheel(without=name)) == f"there is no {DIST_INFO}/{name}"


def test_there_is_one_dist_info() -> None:
    assert "has 0" in refusal(pack_wheel([]))
    assert "has 0" in refusal(pack_wheel([("foo_bar.py", b"")]))
    assert "has 2" in refusal(wheel({"other-1.dist-info/METADATA": METADATA}))
    assert "has 2" in refusal(wheel({"other-1.DIST-INFO/METADATA": METADATA}))


def test_a_dist_info_deeper_down_is_somebody_elses() -> None:
    vendored = "foo_bar/_vendor/other-1.dist-info/METADATA"
    assert check(pack_wheel(wheel_members(WHEEL_NAME, METADATA, {vendored: METADATA}).items())) == METADATA


@pytest.mark.parametrize("stem", ["other-1.2.0", "Foo_Bar-1.3", "Foo_Bar-next", "Foo_Bar", "-", f"Foo_Bar-{'1' * 900}"])
def test_the_dist_info_is_of_the_release(stem: str) -> None:
    members = [(name.replace(DIST_INFO, f"{stem}.dist-info"), b"") for name in wheel_members(WHEEL_NAME, METADATA, {})]
    assert "is not of foo-bar 1.2.0, which the file name says" in refusal(pack_wheel(members))


@pytest.mark.parametrize("stem", ["foo_bar-1.2.0", "Foo.Bar-1.2", "foo_bar-v1.2.0.0"])
def test_the_dist_info_may_be_spelled_otherwise(stem: str) -> None:
    members = wheel_members(WHEEL_NAME, METADATA, {}).items()
    renamed = [(name.replace(DIST_INFO, f"{stem}.dist-info"), content) for name, content in members]
    renamed[-1] = (renamed[-1][0], record(*(name for name, _ in renamed)))
    assert check(pack_wheel(renamed)) == METADATA


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("/etc/passwd", "has an absolute path"),
        ("C:/x", "has an absolute path"),
        ("../x", "'..' in its path"),
        ("foo/../../x", "'..' in its path"),
        ("foo/./x", "'.'"),
        ("foo//x", "an empty part"),
        ("foo\\x", "has a backslash"),
        ("foo\x00.py", "cannot be printed"),
        ("foo\n.py", "cannot be printed"),
        ("x" * 1025, "has a name of more than 1024"),
        ("foo_bar.py/x", "lies below 'foo_bar.py', which is no folder"),
    ],
)
def test_an_entry_that_is_not_one_place_below_the_folder(name: str, told: str) -> None:
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = name  # its constructor would repair it
    members = wheel_members(WHEEL_NAME, METADATA, {"foo_bar.py": b""})
    message = refusal(pack_wheel([*members.items(), (info, b"")]))
    assert told in message
    assert "the entry" in message


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("one", "other"), [("x.py", "x.py"), ("caf\u00e9", "cafe\u0301"), ("x", "x/")])
def test_an_entry_that_is_there_twice(one: str, other: str) -> None:
    content = pack_wheel([*wheel_members(WHEEL_NAME, METADATA, {}).items(), (one, b"1"), (other, b"")])
    assert "is there twice" in refusal(content)


def test_folders_are_no_files() -> None:
    members = wheel_members(WHEEL_NAME, METADATA, {"foo_bar/x": b""})
    assert check(pack_wheel([("foo_bar/", b""), (f"{DIST_INFO}/", b""), *members.items()])) == METADATA
    assert "is a folder with content" in refusal(pack_wheel([("foo_bar/", b"x"), *members.items()]))


def test_a_link() -> None:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    assert "'link' is a link" in refusal(pack_wheel([*wheel_members(WHEEL_NAME, METADATA, {}).items(), (link, b"x")]))


def test_what_unpacks_to_much_more() -> None:
    bomb = wheel_members(WHEEL_NAME, METADATA, {"zeros": bytes(65 * 1024 * 1024)})
    assert "unpacks to more than" in refusal(pack_wheel(bomb.items(), zipfile.ZIP_DEFLATED))
    assert check(pack_wheel(bomb.items())) == METADATA


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "has the Wheel-Version '', not 1.x"),
        (b"Wheel-Version: 2.0\n", "has the Wheel-Version '2.0'"),
        (b"Wheel-Version: 1.x\n", "has the Wheel-Version '1.x'"),
        (b"\xff", "is no UTF-8"),
        (b"Wheel-Version: 1.0\n", "has no Tag for py3-none-any, which the file name says"),
        (b"Wheel-Version: 1.0\nTag: py3-none-linux_x86_64\n", "has no Tag for py3-none-any"),
        (b"Wheel-Version: 1.0\nTag: py2-none-any\n", "has no Tag for py3-none-any"),
        (b"Wheel-Version: 1.0\nTag: py3-any\n", "has the Tag 'py3-any', which is none"),
        (b"Wheel-Version: 1.0\nTag: py3-none-\n", "has the Tag 'py3-none-', which is none"),
        (b"Wheel-Version: 1.0\nTag: " + b"-".join([b".".join([b"a"] * 50)] * 3), "has more than 10000 tags"),
        (b"Wheel-Version: 1.0\n".ljust(70_000, b"x"), "has more than 65536 bytes"),
    ],
)
def test_a_wheel_file_that_does_not_fit(content: bytes, told: str) -> None:
    message = refusal(wheel({f"{DIST_INFO}/WHEEL": content}))
    assert message.startswith(f"'{DIST_INFO}/WHEEL' ")
    assert told in message


@pytest.mark.parametrize(
    ("filename", "tags"),
    [
        ("Foo_Bar-1.2.0-py2.py3-none-any.whl", ["py2-none-any", "py3-none-any"]),
        ("Foo_Bar-1.2.0-7-py2.py3-none-any.whl", ["py2.py3-none-any"]),
        ("Foo_Bar-1.2.0-py3-none-win32.whl", ["py3-none-any"]),
        ("Foo_Bar-1.2.0-py3-none-macosx_10_9_x86_64.macosx_11_0_arm64.whl", ["py3-none-any"]),
        ("Foo_Bar-1.2.0-CP39-ABI3-win32.whl", ["cp39-abi3-win32"]),
    ],
)
def test_a_wheel_file_that_allows_what_the_file_name_says(filename: str, tags: list[str]) -> None:
    content = "Wheel-Version: 1.9\n" + "".join(f"Tag: {tag}\n" for tag in tags)
    assert check(wheel({f"{DIST_INFO}/WHEEL": content.encode()}), filename) == METADATA


def test_a_record_that_does_not_know_a_file() -> None:
    assert refusal(wheel({"extra.py": b""})) == f"'extra.py' is not listed in {DIST_INFO}/RECORD"


def test_a_record_that_knows_more_than_there_is() -> None:
    names = [*wheel_members(WHEEL_NAME, METADATA, {"foo_bar.py": b"", "foo_bar/data/x": b""}), "../gone.py"]
    content = wheel({f"{DIST_INFO}/RECORD": record(*names)})
    assert refusal(content) == f"{DIST_INFO}/RECORD lists '../gone.py', which is not there"


def test_a_record_need_not_list_itself_and_its_signatures() -> None:
    members = wheel_members(WHEEL_NAME, METADATA, {"sub/x": b""})
    names = [name.replace("/", "\\") for name in members if not name.endswith("RECORD")]
    members[f"{DIST_INFO}/RECORD"] = record(*names) + b"\n"
    members |= {f"{DIST_INFO}/RECORD.jws": b"", f"{DIST_INFO}/RECORD.p7s": b""}
    assert check(pack_wheel(members.items())) == METADATA


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff", "is no UTF-8"),
        (b'foo_bar.py,"\nextra.py,,\n",\n', "is no CSV"),
        (b"foo_bar.py".ljust(16 * 1024 + 1, b","), "one of more than 16384 bytes"),
        (b"\n" * (bounds.MAX_ENTRIES + 1), "has more than 100000 lines"),
    ],
)
def test_a_record_that_cannot_be_read(content: bytes, told: str) -> None:
    assert told in refusal(wheel({f"{DIST_INFO}/RECORD": content}))


def test_huge_metadata() -> None:
    huge = METADATA + b"x" * bounds.MAX_METADATA_SIZE
    assert f"'{DIST_INFO}/METADATA' has more than" in refusal(wheel({f"{DIST_INFO}/METADATA": huge}))
    large = METADATA.ljust(bounds.MAX_METADATA_SIZE, b"x")
    assert check(wheel({f"{DIST_INFO}/METADATA": large})) == large
