"""What an installer has written down, compared with what is on the disk."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from hatch_staged.errors import StagedError
from hatch_staged.stage import installed
from hatch_staged.stage.installed import Fault


def line(name: str, content: bytes, algorithm: str = "sha256") -> str:
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
    return f"{name},{algorithm}={digest},{len(content)}"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Return a folder that looks like a virtual environment with the distribution foo in it."""
    folder = tmp_path / "environment"
    packages = folder / "lib" / "python3.99" / "site-packages"
    for name in ("foo-1.0.dist-info", "foo_bar-1.0.dist-info", "foo", "foo/__pycache__"):
        (packages / name).mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "foo").write_bytes(b"#!python")
    (packages / "foo" / "__init__.py").write_bytes(b"x = 1")
    (packages / "foo" / "__pycache__" / "__init__.cpython-399.pyc").write_bytes(b"compiled")
    (packages / "foo" / "a,b.txt").write_bytes(b"data")
    return folder


def record(environment: Path, *lines: str) -> Path:
    """Write the RECORD of foo, which lists itself, too."""
    folder = installed.dist_info(environment, "foo")
    (folder / "RECORD").write_text("".join(f"{each}\n" for each in (*lines, "foo-1.0.dist-info/RECORD,,")))
    return folder


def faults(environment: Path, *lines: str) -> list[Fault]:
    return list(installed.check_record(record(environment, *lines), environment)[1])


def test_a_distribution_is_found_by_any_spelling_of_its_name(environment: Path) -> None:
    assert installed.dist_info(environment, "Foo-Bar").name == "foo_bar-1.0.dist-info"
    with pytest.raises(StagedError, match="did not install bar"):
        installed.dist_info(environment, "bar")


def test_files_as_they_were_written_down(environment: Path) -> None:
    script = environment / "bin" / "foo"
    folder = record(
        environment,
        line("foo/__init__.py", b"x = 1"),
        line('"foo/a,b.txt"', b"data", "sha512"),
        "foo/__pycache__/__init__.cpython-399.pyc,,",
        line("../../../bin/foo", b"#!python"),
        line(str(script), b"#!python"),
        # the size may be left empty, and the padding of base64 is often not left out
        line("foo/__init__.py", b"x = 1").rpartition(",")[0] + "=,",
    )
    assert installed.check_record(folder, environment) == (7, ())


@pytest.mark.parametrize(
    ("written", "sentence", "other_bytes"),
    [
        (line("foo/__init__.py", b"x = 2"), "has another sha256", True),
        (line("foo/__init__.py", b"x = 10"), "has 5 bytes, not 6", True),
        (line("foo/gone.py", b""), "is missing", False),
        ("foo/__pycache__/gone.pyc,,", "is missing", False),
        ("foo,,", "is missing", False),
        ("foo/__init__.py,,5", "has no hash", False),
        ("RECORD.py,,", "is missing", False),
        (line("foo/__init__.py", b"x = 1", "md5"), "has no hash of a kind that a wheel may have", False),
        ("foo/__init__.py,shake_128=x,5", "has no hash of a kind that a wheel may have", False),
        (line("../../../../outside", b""), "is outside of the environment", False),
        (line(Path(__file__).as_posix(), b""), "is outside of the environment", False),
    ],
)
def test_a_file_that_is_not_as_it_was_written_down(
    environment: Path, written: str, sentence: str, *, other_bytes: bool
) -> None:
    [fault] = faults(environment, line("foo/__init__.py", b"x = 1"), written)
    assert fault == Fault(written.partition(",")[0], sentence, other_bytes)
    assert str(fault) == f"{fault.name} {sentence}"


@pytest.mark.parametrize("broken", ["foo/__init__.py", "", "a,b,c,d"])
def test_a_line_that_is_none(environment: Path, broken: str) -> None:
    [fault] = faults(environment, broken)
    assert fault.sentence == "is no line of a RECORD"


def test_a_record_that_is_none(environment: Path) -> None:
    folder = installed.dist_info(environment, "foo")
    for content, sentence in ((None, "is not there"), (b"\xff,,\n", "cannot be read: "), (b'"', "is no line of a REC")):
        if content is not None:
            (folder / "RECORD").write_bytes(content)
        _, [fault] = installed.check_record(folder, environment)
        assert fault.sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("names", "modules"),
    [
        (["foo/__init__.py", "foo/part.py", "foo/inner/__init__.py", "foo/lib.so"], ("foo",)),
        (["foo.py", "_foo.cpython-311-x86_64-linux-gnu.so", "bar.pyd"], ("_foo", "bar", "foo")),
        (["foo/__init__.cpython-311-darwin.so"], ("foo",)),
        # sourceless, and what is compiled beside a source
        (["foo/__init__.pyc", "bar.py", "__pycache__/bar.cpython-311.pyc"], ("bar", "foo")),
        (["space/foo/__init__.py", "space/deep/bar.py", "space/deep/bar.txt"], ("space.deep.bar", "space.foo")),
        # nothing that can be imported
        (["foo-stubs/__init__.pyi", "foo-stubs/x.py", "foo.libs/libx.so", "data/x.txt", "class/x.py", "x.pth"], ()),
        (["../../../bin/foo.py", "/absolute/foo.py", "foo-1.0.dist-info/METADATA"], ()),
        (["foo\\__init__.py", "foo\\part.py"], ("foo",)),
    ],
)
def test_what_can_be_imported(environment: Path, names: list[str], modules: tuple[str, ...]) -> None:
    assert installed.modules(record(environment, *(f"{name},," for name in names))) == modules
