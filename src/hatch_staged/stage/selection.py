"""Which artifact of a staged release an interpreter takes, as an installer would choose (PEP 751)."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import packaging
from packaging.pylock import Pylock, PylockSelectError
from packaging.tags import Tag
from packaging.version import Version

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.protocol.distributions import Kind
from hatch_staged.redaction import without_secrets
from hatch_staged.stage.model import LOCK_VERSION
from hatch_staged.stage.outline import TOOL_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from packaging.markers import Environment
    from packaging.pylock import PackageSdist, PackageWheel

    from hatch_staged.stage.model import StagedArtifact, StagedRelease

    #: Runs a command to its end.
    Run = Callable[[list[str]], subprocess.CompletedProcess[str]]

_ANY = Tag("py3", "none", "any")

#: A run of versions looks alike but for these.
_NUMBERS = re.compile(r"[0-9]+")

# Runs in the target interpreter.  It gets our copy of `packaging` by location, so that nothing else of ours comes
# along and nothing of its environment gets in the way.  A Python too old for that has one of its own: in its pip, or in
# the pip that it would install.
_PROBE = """\
import glob, importlib, importlib.util, json, os, sys
folder = sys.argv[1]
def ours():
    spec = importlib.util.spec_from_file_location(
        "packaging", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    sys.modules["packaging"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return importlib.import_module("packaging.markers"), importlib.import_module("packaging.tags")
def of_pip():
    name = "pip._vendor.packaging"
    return importlib.import_module(name + ".markers"), importlib.import_module(name + ".tags")
has_pip = importlib.util.find_spec("pip") is not None
try:
    markers, tags = ours()
except (ImportError, SyntaxError, TypeError) as error:
    try:
        if not has_pip:
            import ensurepip
            sys.path += glob.glob(os.path.join(os.path.dirname(ensurepip.__file__), "_bundled", "pip-*.whl"))
        markers, tags = of_pip()
    except ImportError:
        raise error
answer = {
    "executable": sys.executable,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "markers": markers.default_environment(),
    "tags": [(tag.interpreter, tag.abi, tag.platform) for tag in tags.sys_tags()],
    "has_pip": has_pip,
}
print(json.dumps(answer))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python interpreter, as far as choosing an artifact for it goes."""

    executable: str
    #: without a pre-release part: 3.15.0rc1 satisfies ``>=3.15``, as for pip and uv
    version: Version
    #: PEP 508's environment markers
    markers: Mapping[str, str]
    #: the wheel tags that it takes, best first
    tags: tuple[Tag, ...]
    has_pip: bool = False


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command that asks an interpreter something; what is installed there may run code when it starts."""
    return subprocess.run(
        command, env=without_secrets(os.environ), capture_output=True, encoding="utf-8", errors="replace", check=False
    )


def probe(python: Path | str, run: Run = run) -> Interpreter:
    """Ask the interpreter `python` (a path or a command) what it takes; raise `ConfigurationError` if it cannot say."""
    # isolated, and without byte code of another interpreter's in our own packages
    command = [str(python), "-I", "-B", "-c", _PROBE, str(Path(packaging.__file__).parent)]
    try:
        completed = run(command)
    except OSError as error:
        raise ConfigurationError(f"cannot run the interpreter: {error.strerror}", where=str(python)) from error
    if completed.returncode != 0:
        reason = (completed.stderr.strip().splitlines() or [f"exit code {completed.returncode}"])[-1]
        hint = f"packaging {packaging.__version__} has to run in it; use a Python that is still supported"
        raise ConfigurationError(f"cannot ask the interpreter for its tags: {reason}", where=str(python), hint=hint)
    try:
        # a .pth file of the environment may have printed something before
        answer = json.loads(completed.stdout.splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        raise ConfigurationError("this is no Python interpreter", where=str(python)) from None
    return Interpreter(
        executable=answer["executable"],
        version=Version(answer["version"]),
        markers=answer["markers"],
        tags=tuple(Tag(*tag) for tag in answer["tags"]),
        has_pip=answer["has_pip"],
    )


def only(release: StagedRelease) -> StagedArtifact | None:
    """Return the artifact that every Python 3 takes of `release`; None if it depends on which it is."""
    wheels = release.of_kind(Kind.WHEEL)
    if not wheels:
        return release.artifacts[0]
    return wheels[0] if len(wheels) == 1 and _ANY in wheels[0].distribution.tags else None


def choose(release: StagedRelease, interpreter: Interpreter) -> StagedArtifact:
    """Return the artifact of `release` that `interpreter` takes: the best wheel, else the sdist.

    Raises `StagedError` that lists what there is if there is none for it.
    """
    lock = Pylock(lock_version=Version(LOCK_VERSION), created_by=TOOL_NAME, packages=[release.package()])
    markers = {**interpreter.markers, "python_full_version": str(interpreter.version)}
    try:
        [(_package, chosen)] = lock.select(environment=cast("Environment", markers), tags=interpreter.tags)
    except PylockSelectError:
        raise _nothing_fits(release, interpreter) from None
    # a release's package has nothing else
    filename = cast("PackageWheel | PackageSdist", chosen).filename
    return next(artifact for artifact in release.artifacts if artifact.filename == filename)


def _nothing_fits(release: StagedRelease, interpreter: Interpreter) -> StagedError:
    name = f"{release.project} {release.version}"
    where = interpreter.executable
    if release.requires_python and not release.requires_python.contains(interpreter.version):
        what = f"{name} requires Python {release.requires_python}, this is {interpreter.version}"
        return StagedError(what, where=where)
    offered = sorted({str(tag) for artifact in release.artifacts for tag in artifact.distribution.tags})
    pythons = _shortened(f"{tag.interpreter}-{tag.abi}" for tag in interpreter.tags)
    platforms = _shortened(tag.platform for tag in interpreter.tags)
    return StagedError(
        f"{name} has no sdist, and none of its wheels fits; they are for {', '.join(offered)}",
        where=where,
        hint=f"stage an sdist, or a wheel for what this interpreter takes: {pythons}; on {platforms}",
    )


def _shortened(parts: Iterable[str]) -> str:
    """Return the different ones of `parts`, of some thousand tags: of each run of versions the first and the last."""
    runs = [list(run) for _, run in itertools.groupby(dict.fromkeys(parts), lambda part: _NUMBERS.sub("#", part))]
    return ", ".join(" to ".join(dict.fromkeys((run[0], run[-1]))) for run in runs)
