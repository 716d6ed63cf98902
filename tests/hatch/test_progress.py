"""Progress: bars on a terminal, lines elsewhere, nothing when quiet."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from rich.console import Console

from hatch_staged.client.artifacts import Artifact, Release
from hatch_staged.client.publication import Decision, Plan, Pruned, Step
from hatch_staged.hatch import progress
from hatch_staged.hatch.progress import Bars, Lines
from hatch_staged.protocol.distributions import parse_filename


def artifact(filename: str) -> Artifact:
    return Artifact(Path(filename), parse_filename(filename), 2000, {"sha256": "a" * 64})


SDIST, WHEEL = artifact("foo-1.0.tar.gz"), artifact("foo-1.0-py3-none-any.whl")
RELEASE = Release(canonicalize_name("foo"), Version("1.0"), (SDIST, WHEEL))


def plan(*steps: Step) -> Plan:
    decisions = tuple(Decision(each, step) for each, step in zip(RELEASE.artifacts, steps, strict=True))
    return Plan(RELEASE, decisions, foreign=("foo-1.0-py2-none-any.whl",))


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    written = io.StringIO()
    return Console(file=written, force_terminal=terminal, width=200, color_system=None, legacy_windows=False), written


@pytest.mark.parametrize(
    ("terminal", "quiet", "kind"),
    [(True, False, Bars), (True, True, Lines), (False, False, Lines), (False, True, Lines)],
)
def test_what_suits_a_console(terminal: bool, quiet: bool, kind: type) -> None:  # noqa: FBT001 - a table
    assert type(progress.reporter(console(terminal=terminal)[0], quiet=quiet)) is kind


def play(reporter: Lines) -> None:
    """Report a release: one file is there, one is uploaded."""
    with reporter:
        reporter.planned(plan(Step.KEEP, Step.UPLOAD))
        reporter.started(WHEEL)
        reporter.advanced(WHEEL, 1500)
        reporter.advanced(WHEEL, 500)
        reporter.finished(WHEEL)
        reporter.deleted("foo-1.0.egg")
        reporter.notice("[bold]the index says[/] so")


def test_lines() -> None:
    where, written = console(terminal=False)
    play(progress.reporter(where, quiet=False))
    assert written.getvalue().splitlines() == [
        "foo-1.0.tar.gz: already there, the same bytes",
        "foo-1.0-py2-none-any.whl: in the session, not among the artifacts; left alone",
        "foo-1.0-py3-none-any.whl: uploading 2.0 kB",
        "foo-1.0-py3-none-any.whl: uploaded",
        "foo-1.0.egg: deleted",
        "[bold]the index says[/] so",
    ]


def test_a_plan_is_told_in_full_if_that_is_wanted() -> None:
    for terminal in (False, True):
        where, written = console(terminal=terminal)
        with progress.reporter(where, quiet=False, verbose=True) as reporter:
            reporter.planned(plan(Step.REPLACE, Step.UPLOAD))
            reporter.planned(plan(Step.WAIT, Step.KEEP))
            reporter.planned(Plan(RELEASE, (), pruned=(Pruned("foo-1.0.egg", "https://i.example/f"),)))
        for line in (
            "foo-1.0.tar.gz: there, incomplete or with other bytes: to be replaced",
            "foo-1.0-py3-none-any.whl: not there: to be uploaded",
            "foo-1.0.tar.gz: the index is deciding about what it has: to be waited for",
            "foo-1.0.egg: in the session, not among the artifacts; to be deleted",
        ):
            assert line in written.getvalue()


def test_nothing_moves_the_cursor() -> None:
    where, written = console(terminal=False)
    with Lines(where) as reporter:
        reporter.planned(Plan(RELEASE, (), foreign=("foo\x1b[2J-1.0.egg",)))
        reporter.notice("the index\rsays \x1b]0;this\x07")
    assert written.getvalue().splitlines() == [
        "foo [2J-1.0.egg: in the session, not among the artifacts; left alone",
        "the index says  ]0;this ",
    ]


def test_nothing_when_quiet() -> None:
    where, written = console(terminal=False)
    play(progress.reporter(where, quiet=True))
    assert written.getvalue() == ""


def test_bars() -> None:
    where, written = console(terminal=True)
    play(progress.reporter(where, quiet=False))
    shown = written.getvalue()
    assert "foo-1.0.tar.gz: already there, the same bytes" in shown
    assert "[bold]the index says[/] so" in shown
    # a bar for the file and one for all
    for label in ("foo 1.0 ", "foo-1.0-py3-none-any.whl "):
        assert "2.0/2.0 kB" in shown.rpartition(label)[2]


def test_a_bar_without_one_for_all() -> None:
    where, written = console(terminal=True)
    with Bars(where) as reporter:
        reporter.planned(plan(Step.KEEP, Step.KEEP))
        # by an upload that nobody planned
        reporter.started(WHEEL)
        reporter.advanced(WHEEL, 2000)
    assert "foo 1.0 " not in written.getvalue()


def test_rate_and_time_left() -> None:
    where, written = console(terminal=True)
    seconds = iter(range(1000))
    with Bars(where, now=lambda: next(seconds)) as reporter:
        reporter.planned(plan(Step.KEEP, Step.UPLOAD))
        reporter.started(WHEEL)
        for _ in range(3):
            reporter.advanced(WHEEL, 500)
    [total, file] = [line for line in written.getvalue().splitlines() if "1.5/2.0 kB" in line][-2:]
    for line, label in ((total, "foo 1.0"), (file, "foo-1.0-py3-none-any.whl")):
        assert label in line
        assert re.search(r"[0-9.]+ bytes/s 0:\d\d:\d\d", line)


def test_what_is_sent_once_more_has_one_bar() -> None:
    where, written = console(terminal=True)
    with Bars(where) as reporter:
        for _ in range(2):
            # the session has expired
            reporter.planned(plan(Step.UPLOAD, Step.UPLOAD))
            reporter.started(WHEEL)
            reporter.advanced(WHEEL, 1500)
        reporter.advanced(WHEEL, -1500)
    last = written.getvalue().rpartition("\x1b[2K")[2] or written.getvalue()
    assert (last.count("foo 1.0 "), last.count("foo-1.0-py3-none-any.whl")) == (1, 1)
    assert "0.0/2.0 kB" in last


def test_what_never_began_takes_nothing_back() -> None:
    where, written = console(terminal=True)
    with Bars(where) as reporter:
        reporter.planned(plan(Step.UPLOAD, Step.UPLOAD))
        reporter.advanced(WHEEL, 0)
    assert "0.0/4.0 kB" in written.getvalue()


def test_a_long_name_leaves_room_for_what_moves() -> None:
    written = io.StringIO()
    narrow = Console(file=written, force_terminal=True, width=70, color_system=None, legacy_windows=False)
    long = artifact(f"{'long_' * 20}name-1.0-py3-none-any.whl")
    with Bars(narrow) as reporter:
        reporter.started(long)
        reporter.advanced(long, 2000)
    assert "2.0/2.0 kB" in written.getvalue()
    assert "long_long_" in written.getvalue()


def test_a_terminal_that_cannot_move_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert type(progress.reporter(console(terminal=True)[0], quiet=False)) is Lines
