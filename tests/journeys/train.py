"""A release train of every kind of artifact, whose installed files say which artifact they are from.

`lantern` is the project that somebody works on.  With its extra `lit` it needs a wick, which has a wheel for each
Python, and the wick needs tallow, which has nothing but an sdist.  The names of these two are in no package registry.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.tags import platform_tags
from tests.archives.building import metadata_of, pack_sdist, pack_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LANTERN, WICK, TALLOW = "lantern", "wick_of_the_lantern", "tallow_of_the_lantern"
VERSION = "1.0"

#: What `show` prints: of each distribution the file that its module is, and what the installer noted of its origin.
SHOW = """
import hashlib, importlib, importlib.metadata, json, pathlib, sys

shown = {"python": "%d.%d" % sys.version_info[:2], "pluggy": importlib.util.find_spec("pluggy") is not None}
for name in NAMES:
    module = pathlib.Path(importlib.import_module(name).__file__)
    installed = importlib.metadata.distribution(name)
    [listed] = [file for file in installed.files if file.locate().resolve() == module.resolve()]
    shown[name] = {
        "text": module.read_text(),
        "recorded": listed.hash.value,
        "direct_url": json.loads(installed.read_text("direct_url.json")),
    }
print("SHOWN", json.dumps(shown))
"""

#: The origin of what nothing may be built with.
ELSEWHERE = "elsewhere"

# It needs a distribution that is not installed beside it, so it does nothing outside an isolated build.
_BACKEND = """
import base64, hashlib, pathlib, zipfile
import {builder} as builder

assert getattr(builder, "ORIGIN", "") != {elsewhere!r}
NAME, VERSION = {name!r}, {version!r}

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    info = NAME + "-" + VERSION + ".dist-info"
    files = {{
        NAME + ".py": pathlib.Path(NAME + ".py").read_bytes(),
        info + "/METADATA": pathlib.Path("PKG-INFO").read_bytes(),
        info + "/WHEEL": b"Wheel-Version: 1.0\\nGenerator: ours\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    record = ""
    filename = NAME + "-" + VERSION + "-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory, filename), "w") as archive:
        for path, content in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record += path + ",sha256=" + digest + "," + str(len(content)) + "\\n"
            archive.writestr(path, content)
        archive.writestr(info + "/RECORD", record + info + "/RECORD,,\\n")
    return filename
"""


@dataclass(frozen=True)
class Made:
    """An artifact in memory, and the text of the module in it."""

    filename: str
    data: bytes
    module: str

    @property
    def sha256(self) -> str:
        """Return the hex digest of the file."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def recorded(self) -> str:
        """Return the digest of the module as RECORD has it."""
        return _recorded(self.module.encode())


def make_wheel(
    name: str, tag: str = "py3-none-any", *lines: str, version: str = VERSION, origin: str = "", module_name: str = ""
) -> Made:
    """Return a wheel with one module, that of its name where no other is given; `lines` are of its metadata."""
    filename = f"{name}-{version}-{tag}.whl"
    module = f"ORIGIN = {origin or filename!r}\n"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{module_name or name}.py": module.encode(),
        f"{info}/METADATA": metadata_of(name, version, *lines),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: ours\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    record = "".join(f"{path},sha256={_recorded(content)},{len(content)}\n" for path, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    return Made(filename, pack_wheel(files.items()), module)


def make_sdist(name: str, *lines: str, version: str = VERSION, builder: str = "pluggy") -> Made:
    """Return an sdist with one module, which an isolated build makes a wheel of, with `builder`.

    `lines` are of its metadata.
    """
    filename = f"{name}-{version}.tar.gz"
    module = f"ORIGIN = {filename!r}\n"
    build_system = f'[build-system]\nrequires = ["{builder}"]\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    backend = _BACKEND.format(name=name, version=version, builder=builder, elsewhere=ELSEWHERE)
    files = {
        "PKG-INFO": metadata_of(name, version, *lines),
        "pyproject.toml": build_system.encode(),
        "backend.py": backend.encode(),
        f"{name}.py": module.encode(),
    }
    return Made(filename, pack_sdist((f"{name}-{version}/{path}", data) for path, data in files.items()), module)


def platform_wheels(name: str, pythons: Iterable[str], *lines: str, version: str = VERSION) -> list[Made]:
    """Return a wheel for each of the Pythons (as ``3.12``) on this platform, and some that fit none of them."""
    here = next(iter(platform_tags()))
    tags = [f"cp{python.replace('.', '')}" for python in pythons]
    fitting = [make_wheel(name, f"{tag}-{tag}-{here}", *lines, version=version) for tag in tags]
    foreign = [make_wheel(name, f"{tag}-{tag}-win32", *lines, version=version) for tag in tags]
    older = make_wheel(name, f"cp39-abi3-{here}", *lines, version=version)
    return [*fitting, *foreign, older]


def write(folder: Path, artifacts: Iterable[Made]) -> None:
    """Write `artifacts` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for artifact in artifacts:
        (folder / artifact.filename).write_bytes(artifact.data)


def shown(out: str) -> list[dict[str, object]]:
    """Return what the program `SHOW` has printed, once for each environment."""
    return [json.loads(line.removeprefix("SHOWN ")) for line in out.splitlines() if line.startswith("SHOWN ")]


def _recorded(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
