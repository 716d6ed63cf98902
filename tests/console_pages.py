"""Runs what a page of the docs tells its reader to do: writes its files, types its commands, compares what they print.

A fenced block with a ``:caption:`` is a file of that path, to be added to if the caption ends in "(added)".  In blocks
fenced as ``console``, a line that starts with ``$ `` is a command; the other lines are what it prints, in which ``...``
stands for anything.  A command must succeed unless the next one is ``echo $?``.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: For all commands of a page (seconds): some create environments.
PAGE_SECONDS = 600

_BLOCK = re.compile(r"^```(?P<kind>.*)\n(?P<body>(?s:.*?))^```$", re.MULTILINE)
_CAPTION = re.compile(r":caption: (?P<path>\S+)(?P<added> \(added\))?\n\n")
_PROMPT = "$ "
_MARK = "@@ the command has ended with "


@dataclass(frozen=True)
class File:
    """A file that the reader writes, or adds to."""

    path: str
    text: str
    added: bool

    def write(self, folder: Path) -> None:
        """Write it in `folder`."""
        path = folder / self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        before = f"{path.read_text(encoding='utf-8')}\n" if self.added else ""
        path.write_text(before + self.text, encoding="utf-8")


@dataclass(frozen=True)
class Command:
    """A command that the reader types, and what it prints; nothing is expected if `output` is empty."""

    text: str
    output: tuple[str, ...]
    may_fail: bool

    @property
    def background(self) -> bool:
        """Whether the next command is typed as soon as this one has printed its output."""
        return self.text.endswith("&")

    def prints(self, text: str) -> bool:
        """Whether `text` is what the page says; a line ``...`` is any number of lines, also none."""
        lines = [re.escape(line).replace(re.escape("..."), ".*") + "\n" for line in self.output]
        pattern = "".join("(.*\n)*" if line == ".*\n" else line for line in lines)
        return not self.output or re.fullmatch(pattern, text) is not None


def read(text: str) -> list[File | Command]:
    """Return what the page `text` tells its reader to do, in order."""
    steps: list[File | Command] = []
    for block in _BLOCK.finditer(text):
        if caption := _CAPTION.match(block["body"]):
            steps.append(File(caption["path"], block["body"][caption.end() :], added=bool(caption["added"])))
        elif block["kind"] == "console":
            steps += _commands(block["body"])
    return steps


def section(text: str, heading: str) -> str:
    """Return the section under `heading`, to the next heading of its level or a higher one."""
    _, _, after = f"\n{text}".partition(f"\n{heading}\n")
    assert after, f"there is no heading {heading!r}"
    level = len(heading) - len(heading.lstrip("#"))
    return re.split(rf"^#{{1,{level}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def fenced(text: str, language: str) -> list[str]:
    """Return what stands in the fenced blocks of that language."""
    return [block["body"] for block in _BLOCK.finditer(text) if block["kind"] == language]


def _commands(body: str) -> list[Command]:
    typed = [part.splitlines() for part in f"\n{body}".split(f"\n{_PROMPT}")[1:]]
    following = [lines[0] for lines in typed[1:]] + [""]
    return [
        Command(first, tuple(output), may_fail=after == "echo $?")
        for (first, *output), after in zip(typed, following, strict=True)
    ]


class Shell:
    """A shell that types commands one after the other, as a person does."""

    def __init__(self, commands: IO[str], printed: IO[str]) -> None:
        self._commands = commands
        self._printed = printed

    def type(self, command: Command) -> None:
        """Run `command`; raise `AssertionError` if it fails or prints something else."""
        mark = f"status=$?; echo; echo '{_MARK}'$status; (exit $status)"
        self._commands.write(f"{{ {command.text}\n}} </dev/null\n{mark}\n")
        self._commands.flush()
        printed, status = "", None
        while status is None or (command.background and not command.prints(printed)):
            line = self._printed.readline()
            assert line, f"the shell has ended:\n$ {command.text}\n{printed}"
            if line.startswith(_MARK):
                status = int(line.removeprefix(_MARK))
                printed = printed.removesuffix("\n")
            else:
                printed += line
        assert command.may_fail or status == 0, f"exit code {status}:\n$ {command.text}\n{printed}"
        expected = "\n".join(command.output)
        assert command.prints(printed), f"$ {command.text}\n{printed}\ndoes not look like\n{expected}"


@contextmanager
def shell(folder: Path, variables: dict[str, str]) -> Iterator[Shell]:
    """Give a shell in `folder`; what it started is ended when the context is left, or when all takes too long."""
    process = subprocess.Popen(
        [program("sh")],
        cwd=folder,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )
    assert process.stdin
    assert process.stdout
    timer = Timer(PAGE_SECONDS, _end, [process])
    timer.start()
    try:
        yield Shell(process.stdin, process.stdout)
    finally:
        timer.cancel()
        _end(process)
        process.stdin.close()
        process.stdout.close()
        process.wait()


def _end(process: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGTERM)


def program(name: str, path: str | None = None) -> str:
    """Return where the program `name` is, in the folders of `path` or of the present variable."""
    found = shutil.which(name, path=path)
    assert found, f"there is no {name} here"
    return found


def variables(home: Path, installer_caches: dict[str, str]) -> dict[str, str]:
    """Return the present variables, for somebody with an empty home, whose Hatch has folders of its own in it.

    The programs of the running Python's environment come first; `installer_caches` are the variables that name those.
    """
    foreign = ("HATCH_", "VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    config = home / "hatch.toml"
    config.touch()
    return (
        kept
        | installer_caches
        | {
            "HOME": str(home),
            "USERPROFILE": str(home),
            "HATCH_CONFIG": str(config),
            "HATCH_DATA_DIR": str(home / "data"),
            "HATCH_CACHE_DIR": str(home / "cache"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "NO_COLOR": "1",
        }
    )
