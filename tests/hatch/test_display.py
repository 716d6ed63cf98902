"""What a user sees: errors as lines and an exit code, the status of releases."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import click
import pytest
from rich.console import Console
from tests.test_outcome import FOUND, RELEASE, TOKEN

from hatch_staged.client.credentials import Credentials
from hatch_staged.errors import ConfigurationError, StagedError, StageGoneError
from hatch_staged.hatch import display
from hatch_staged.outcome import Outcome
from hatch_staged.releases import Extension

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch.cli.application import Application

pytestmark = pytest.mark.usefixtures("home")

NOW = datetime(2026, 11, 22, 7, tzinfo=timezone.utc)


def told(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """Return the exit code and the lines on stderr for `error`."""
    with pytest.raises(click.exceptions.Exit) as caught, display.reporting():
        raise error
    printed = capsys.readouterr()
    assert printed.out == ""
    return caught.value.exit_code, printed.err.splitlines()


def test_our_errors_are_their_lines_and_their_code(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = told(StageGoneError("it is gone", where="https://i.test/", hint="stage again"), capsys)
    assert (code, lines) == (3, ["it is gone", "  at: https://i.test/", "  try: stage again"])
    assert told(StagedError("no"), capsys) == (1, ["no"])


def test_errors_of_the_system_name_their_file(capsys: pytest.CaptureFixture[str]) -> None:
    error = PermissionError(13, "Permission denied", "/etc/x")
    assert told(error, capsys) == (1, ["Permission denied", "  at: /etc/x"])
    assert told(OSError("something"), capsys) == (1, ["something"])


def test_toml_that_is_none_is_the_users_to_mend(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as broken:
        tomllib.loads("=")
    code, lines = told(broken.value, capsys)
    assert code == ConfigurationError.exit_code
    assert lines[0].startswith("Hatch's configuration is no valid TOML: ")


def test_a_traceback_is_shown_to_whoever_asks_for_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, lines = told(ZeroDivisionError("division by zero"), capsys)
    assert code == 1
    assert lines[0] == "unexpected ZeroDivisionError: division by zero"
    assert "HATCH_DEBUG=1" in lines[1]
    for value in ("1", "true"):
        monkeypatch.setenv("HATCH_DEBUG", value)
        code, lines = told(ZeroDivisionError("division by zero"), capsys)
        assert lines[0] == "Traceback (most recent call last):"
        assert "unexpected ZeroDivisionError: division by zero" in lines


@pytest.mark.parametrize("error", [click.UsageError("x"), click.exceptions.Exit(5), click.Abort(), KeyboardInterrupt()])
def test_what_click_and_python_know_how_to_treat_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, display.reporting():
        raise error
    assert caught.value is error


@pytest.mark.parametrize("expected", [(0, False, False), (2, False, True), (-1, True, False)])
def test_the_options_of_a_verb_add_to_hatchs(
    make_app: Callable[[], Application], expected: tuple[int, bool, bool]
) -> None:
    app = make_app()
    running = click.Context(click.Command("verb"), obj=app)
    display.set_output(running, expected[0], plain=False)
    assert (app.verbosity, app.quiet, app.verbose) == expected
    assert (running.color, app.verbosity) == (None, expected[0])
    app.verbosity = 1
    display.set_output(running, -1, plain=True)
    assert (app.verbosity, app.quiet, app.verbose) == (0, False, False)
    assert (running.color, app.console.no_color, display.stderr_of(app).no_color) == (False, True, True)


def test_the_console_for_errors_is_like_hatchs(make_app: Callable[[], Application]) -> None:
    app = make_app()
    app.console = Console(file=io.StringIO(), force_interactive=True)
    assert display.stderr_of(app).is_interactive
    assert display.stderr_of(app).stderr


def test_the_status_for_a_person() -> None:
    assert display.as_text(FOUND, NOW).splitlines() == [
        "foo 1.0 on https://i.test/upload/: open, expires in 7 days (2026-11-29T07:00:00Z)",
        "  be quick",
        "  foo-1.0-py3-none-any.whl  error  not in the stage file",
        "    it is broken",
        f"  foo-1.0.tar.gz  completed  2.5 kB  sha256:{'a' * 64}",
    ]
    gone = replace(FOUND, status="gone", files=(), notices=(), ended=StageGoneError("gone"))
    assert display.as_text(gone, NOW) == "foo 1.0 on https://i.test/upload/: gone"


def test_a_new_expiry() -> None:
    assert display.expiry(RELEASE.expires_at, NOW) == "expires in 7 days (2026-11-29T07:00:00Z)"
    assert display.expiry(None, NOW) == ""
    assert display.shortage(Extension(RELEASE, timedelta(hours=2)), timedelta(hours=2)) is None
    told = "foo 1.0: 3d more were asked for, the index granted "
    for granted, words in ((timedelta(days=1, hours=12), "1d12h"), (timedelta(), "0s"), (timedelta(days=-1), "0s")):
        assert display.shortage(Extension(RELEASE, granted), timedelta(days=3)) == told + words


def test_the_outcome_is_printed_however_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    with display.reporting(Outcome("wait")):
        pass
    assert json.loads(capsys.readouterr().out)["exit-code"] == 0
    for error, code, what in (
        (StageGoneError("it is gone"), 3, "it is gone"),
        (OSError(5, "Broken", "/x"), 1, "Broken"),
        (KeyboardInterrupt(), 1, "interrupted"),
        (click.Abort(), 1, "interrupted"),
    ):
        with pytest.raises((click.exceptions.Exit, type(error))), display.reporting(Outcome("wait")):
            raise error
        read = json.loads(capsys.readouterr().out)
        assert (read["exit-code"], read["error"]["what"]) == (code, what)
    with pytest.raises(click.UsageError), display.reporting(Outcome("wait")):
        raise click.UsageError("x")
    assert capsys.readouterr().out == ""


def test_a_traceback_has_no_secrets(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATCH_DEBUG", "1")
    found = Credentials("anna", "pass/w\u00f6rd 'of' anna")
    secrets = (found.secret, found.authorization.partition(" ")[2], TOKEN)
    for error in (
        ValueError(*secrets),
        ValueError(f"\x07{found.secret} at {RELEASE.stage}"),
        KeyError(found.secret),
    ):
        try:
            raise error
        except LookupError as cause:
            chained: BaseException = StagedError("no")
            chained.__cause__ = cause
        except ValueError as cause:
            chained = cause
        _, lines = told(chained, capsys)
        text = "\n".join(lines)
        assert "Traceback" in text
        assert "***" in text
        assert all(line.isprintable() for line in lines)
        assert not [secret for secret in (*secrets, repr(found.secret)[1:-1]) if secret in text]
