"""The lock file of a staged environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hatch.env.virtual import VirtualEnvironment
from packaging.utils import canonicalize_name

from hatch_staged.errors import ConfigurationError
from hatch_staged.hatch.locking import Lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch.cli.application import Application
    from tests.hatch.conftest import Checkout

LOCK = """
lock-version = "1.0"
created-by = "us"

[[packages]]
name = "foo"
version = "0.9"
directory = { path = "foo" }

[[packages]]
name = "bar"
version = "2.0"
marker = "python_version >= '3.8'"
directory = { path = "bar" }

[[packages]]
name = "baz"
directory = { path = "baz" }
"""


@pytest.fixture
def lock(checkout: Checkout, make_app: Callable[[], Application]) -> Lock:
    """Return the lock of an environment, whose file says what it has to."""
    checkout.configure('[tool.hatch.envs.default]\ninstaller = "pip"')
    environment = make_app().project.get_environment("default")
    assert isinstance(environment, VirtualEnvironment)
    Path(environment.virtual_env_path).mkdir(parents=True)
    made = Lock(environment)
    Path(made.path).write_text(LOCK)
    return made


def test_installers_are_held_to_its_versions_but_for_what_is_staged(lock: Lock) -> None:
    option, file = lock.constraints({canonicalize_name("foo")})
    assert option == "--constraint"
    assert Path(file).read_text() == 'bar==2.0 ; python_version >= "3.8"\n'


@pytest.mark.parametrize("text", ["lock-version = ", 'lock-version = "1.0"'])
def test_a_file_that_is_none(lock: Lock, text: str) -> None:
    Path(lock.path).write_text(text)
    with pytest.raises(ConfigurationError, match="this is no lock file") as caught:
        lock.constraints(())
    assert caught.value.where == str(lock.path)


def test_a_file_that_is_not_there(lock: Lock) -> None:
    Path(lock.path).unlink()
    with pytest.raises(ConfigurationError, match="the lock file of the environment `default` cannot be read"):
        _ = lock.digest


def test_what_hatch_cannot_apply(lock: Lock) -> None:
    with pytest.raises(ConfigurationError, match="pip") as caught:
        lock.apply()
    assert "uv" in caught.value.hint
