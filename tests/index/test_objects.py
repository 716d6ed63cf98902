"""Bytes by key."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.index.building import build

from hatch_staged.archives import inspect
from hatch_staged.index.objects import FolderObjects, MemoryObjects, Objects, ObjectsError
from hatch_staged.protocol.distributions import parse_filename

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["folder", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return FolderObjects(tmp_path / "objects") if request.param == "folder" else MemoryObjects()


def put(objects: Objects, key: str, data: bytes) -> None:
    with objects.create(key) as write:
        write(data[:10])
        write(data[10:])


def break_off(objects: Objects, size: int) -> None:
    def write() -> None:
        with objects.create("files/a") as writing:
            writing(b"x" * size)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        write()


def read(objects: Objects, key: str) -> bytes:
    async def collect() -> bytes:
        size = objects.size(key)
        return b"".join([chunk async for chunk in await objects.stream(key, 0, size)]) if size else b""

    return asyncio.run(collect())


def keys(objects: Objects) -> list[str]:
    return sorted(stored.key for stored in objects.list())


@pytest.mark.parametrize("size", [0, 1, 12 * 1024 * 1024])
def test_what_is_put_is_streamed_and_opened(objects: Objects, size: int) -> None:
    data = bytes(size)
    put(objects, "files/a", data)
    assert read(objects, "files/a") == data
    with objects.open("files/a") as file:
        assert file.read() == data
    assert objects.size("files/a") == size
    assert keys(objects) == ["files/a"]


def test_archives_can_be_read_from_an_open_object(objects: Objects) -> None:
    wheel, sdist = build("foo-1.0-py3-none-any.whl"), build("foo-1.0.tar.gz")
    put(objects, "wheel", wheel.data)
    put(objects, "sdist", sdist.data)
    with objects.open("wheel") as file, zipfile.ZipFile(file) as archive:
        assert archive.read("foo-1.0.dist-info/METADATA") == wheel.metadata
    with objects.open("sdist") as file, tarfile.open(fileobj=file) as packed:
        assert packed.getnames() == ["foo-1.0/data", "foo-1.0/PKG-INFO"]
    with objects.open("wheel") as file:
        file.seek(-5, io.SEEK_END)
        assert file.tell() == len(wheel.data) - 5
        assert file.read(100) == wheel.data[-5:]


@pytest.mark.parametrize("size", [1, 12 * 1024 * 1024])
def test_what_is_broken_off_is_not_stored_and_its_error_passes(objects: Objects, size: int) -> None:
    break_off(objects, size)
    assert keys(objects) == []
    with pytest.raises(FileNotFoundError):
        read(objects, "files/a")
    for look in (objects.open, objects.size):
        with pytest.raises(FileNotFoundError):
            look("files/a")


def test_what_is_broken_off_leaves_no_file(tmp_path: Path) -> None:
    break_off(FolderObjects(tmp_path), 12 * 1024 * 1024)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("size", [20, 2 * 1024 * 1024])
@pytest.mark.parametrize(("offset", "whence"), [(-1, io.SEEK_SET), (-11, io.SEEK_CUR), (-21, io.SEEK_END)])
def test_nothing_is_before_the_beginning(objects: Objects, size: int, offset: int, whence: int) -> None:
    put(objects, "files/a", bytes(size))
    with objects.open("files/a") as file:
        file.seek(10)
        with pytest.raises(OSError, match="Invalid argument"):
            file.seek(offset - size + 20 if whence == io.SEEK_END else offset, whence)
        assert file.seek(-size, io.SEEK_END) == 0
        assert file.seek(size + 10) == size + 10
        assert file.read() == b""


def test_object_that_goes_away_while_it_is_read_is_no_broken_archive(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    for name in ("foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz"):
        put(objects, "files/a", build(name, content=os.urandom(2 * 1024 * 1024)).data)
        with objects.open("files/a") as file:
            objects.delete("files/a")
            with pytest.raises(ObjectsError, match="not found"):
                inspect(file, parse_filename(name))


def test_delete_is_content_with_what_is_gone(objects: Objects) -> None:
    put(objects, "a", b"1")
    objects.delete("a")
    objects.delete("a")
    assert keys(objects) == []


def test_partial_files_of_a_killed_process_are_hidden_and_discarded(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    put(objects, "files/a", b"1")
    (tmp_path / "files" / "b#1").write_bytes(b"half")
    (tmp_path / "files" / "c#not").write_bytes(b"not ours")
    assert "files/b" not in keys(objects)
    objects.discard_partial()
    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == ["a", "c#not"]


def test_memory_has_no_partial_files() -> None:
    objects = MemoryObjects()
    put(objects, "a", b"1")
    objects.discard_partial()
    assert keys(objects) == ["a"]
