"""Which of the project's own tests test what is staged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.hatch import context, project_tests
from hatch_staged.hatch.context import IndexOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch.cli.application import Application
    from tests.conftest import Maintainer
    from tests.hatch.conftest import Checkout

    MakeApp = Callable[[], Application]

CONFIGURATION = """
    [tool.hatch.env.collectors.staged]
    envs = ["default", "versions", "hatch-test", "bare", "never"]
    [tool.hatch.envs.default.scripts]
    test = "true"
    [tool.hatch.envs.other]
    [[tool.hatch.envs.versions.matrix]]
    python = ["3.10", "3.14"]
    [[tool.hatch.envs.never.matrix]]
    python = ["3.98", "3.99"]
    [tool.hatch.envs.bare]
    skip-install = true
"""


def found(make_app: MakeApp, asked: str | None = None, *, chosen: str = "default") -> list[str] | None:
    app = make_app()
    app.env = chosen
    # as a verb has it, which may have looked at environments before
    _ = app.project.config.envs
    tests = project_tests.find(app, context.open_desk(app, IndexOptions()), asked)
    return None if tests is None else list(tests.script)


def test_the_script_test_of_the_default_environment(make_app: MakeApp, checkout: Checkout) -> None:
    assert found(make_app) is None
    checkout.configure(CONFIGURATION)
    before = dict(os.environ)
    assert found(make_app) == ["default:test"]
    assert dict(os.environ) == before
    # it inherits the script
    assert found(make_app, chosen="versions") == ["versions:test"]
    for chosen in ("other", "bare", "unknown"):
        assert found(make_app, chosen=chosen) is None
    checkout.configure(CONFIGURATION.replace("test = ", "check = "))
    assert found(make_app) is None


def test_the_stage_file_counts_even_where_it_is_switched_off(
    make_app: MakeApp, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.configure(CONFIGURATION)
    monkeypatch.setenv("HATCH_STAGED", "off")
    assert found(make_app) == ["default:test"]


@pytest.mark.parametrize(
    ("asked", "script"),
    [
        ("pytest", ["default:pytest"]),
        ("versions:pytest -x 'a b'", ["versions:pytest", "-x", "a b"]),
        ("versions.py3.10:pytest", ["versions.py3.10:pytest"]),
        ("hatch-test:run", ["hatch-test:run"]),
        (":pytest", ["default:pytest"]),
    ],
)
def test_what_somebody_asks_for(make_app: MakeApp, checkout: Checkout, asked: str, script: list[str]) -> None:
    checkout.configure(CONFIGURATION)
    assert found(make_app, asked) == script


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("other:pytest", "`other` does not install what is staged"),
        ("bare:pytest", "`bare` does not install what is staged"),
        ("unknown:pytest", "there is no environment `unknown`"),
        ("pytest 'x", "--run pytest 'x: No closing quotation"),
        ("", "--run '' names no script"),
        ("default:", "--run 'default:' names no script"),
    ],
)
def test_what_would_test_something_else(make_app: MakeApp, checkout: Checkout, asked: str, told: str) -> None:
    checkout.configure(CONFIGURATION)
    with pytest.raises(ConfigurationError, match=told):
        found(make_app, asked)


def test_a_wrong_configuration(make_app: MakeApp, checkout: Checkout) -> None:
    checkout.configure("[tool.hatch.envs.default]\ntemplate = 3\n")
    app = make_app()
    with pytest.raises(ConfigurationError, match="the configuration is wrong: Field"):
        project_tests.find(app, context.open_desk(app, IndexOptions()), None)


def test_tests_that_fail(make_app: MakeApp, checkout: Checkout) -> None:
    checkout.configure(CONFIGURATION)
    app = make_app()
    tests = project_tests.find(app, context.open_desk(app, IndexOptions()), "true")
    assert tests is not None
    # there is no stage file, which is an error of the Hatch that runs them
    with pytest.raises(StagedError, match=r"`hatch run default:true` failed \(exit code 2\)"):
        tests.run()


def test_tests_that_run_nowhere(make_app: MakeApp, checkout: Checkout, maintainer: Maintainer) -> None:
    """Hatch leaves out of a matrix what cannot be made, also if nothing is left, and succeeds."""
    checkout.configure(CONFIGURATION)
    maintainer.stage()
    app = make_app()
    tests = project_tests.find(app, context.open_desk(app, IndexOptions()), "never:pytest")
    assert tests is not None
    with pytest.raises(StagedError, match="`hatch run never:pytest` tested nothing: none of its environments"):
        tests.run()
