"""What plugins add, and what becomes of broken ones: each is named."""

from __future__ import annotations

import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from hatch_staged.client.checks import Finding
from hatch_staged.client.plugins import Plugins, hookimpl, load
from hatch_staged.client.sending import Mechanism
from hatch_staged.errors import ConfigurationError, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.client.conftest import MakeRelease

    from hatch_staged.client.artifacts import Release
    from hatch_staged.client.sending import Upload


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that installs a distribution of this name, which has this module as a plugin."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def install(name: str, module: str) -> None:
        monkeypatch.delitem(sys.modules, f"{name}_plugin", raising=False)
        (folder / f"{name}_plugin.py").write_text(dedent(module))
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[hatch_staged]\n{name}s = {name}_plugin\n")

    return install


def silent(_: str) -> None:
    """Hear nothing."""


def by_pigeon(_: Upload) -> None:
    raise AssertionError


class Mechanisms:
    """A plugin that has these."""

    def __init__(self, *mechanisms: object) -> None:
        self._mechanisms = mechanisms

    @hookimpl
    def hatch_staged_mechanisms(self) -> tuple[object, ...]:
        """Return them."""
        return self._mechanisms


def having(**plugins: object) -> Plugins:
    made = Plugins()
    for name, plugin in plugins.items():
        made.register(plugin, name)
    return made


def test_without_plugins_there_is_what_servers_must_support() -> None:
    assert list(Plugins().senders(silent)) == ["http-post-bytes"]
    assert not Plugins().has_artifact_checks


def test_an_installed_plugin_is_found(install: Callable[[str, str], None], make_release: MakeRelease) -> None:
    install(
        "acme",
        """
        from hatch_staged.plugins import Finding, Mechanism, hookimpl

        @hookimpl
        def hatch_staged_mechanisms():
            return [Mechanism("vnd-acme-pigeon", lambda upload: None)]

        @hookimpl
        def hatch_staged_check_artifact(artifact):
            yield Finding(f"{artifact.filename} is ugly")
        """,
    )
    found = load()
    assert list(found.senders(silent)) == ["http-post-bytes", "vnd-acme-pigeon"]
    assert found.senders(silent)["vnd-acme-pigeon"].provider == "acmes of acme"
    assert found.has_artifact_checks
    artifact = make_release().artifacts[0]
    assert found.of_artifact(artifact, b"") == [Finding(f"{artifact.filename} is ugly")]
    assert found.of_release(make_release()) == []


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("import nowhere", "cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("half of", "cannot be imported: SyntaxError"),
        ("raise KeyError('\\x1b[31m')", "cannot be imported: KeyError"),
        (
            """
            from hatch_staged.plugins import hookimpl

            @hookimpl
            def hatch_staged_check_artifact(artefact): ...
            """,
            "does not fit this version of hatch-staged: PluginValidationError: .*artefact",
        ),
        (
            """
            from hatch_staged.plugins import hookimpl

            @hookimpl
            def hatch_staged_chek(): ...
            """,
            "does not fit this version of hatch-staged: PluginValidationError: .*hatch_staged_chek",
        ),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named(install: Callable[[str, str], None], module: str, told: str) -> None:
    install("sound", "x = 1")
    install("broken", module)

    with pytest.raises(PluginError, match=f"^the plugin brokens of broken {told}") as caught:
        load()

    assert isinstance(caught.value, ConfigurationError)
    assert "uninstall it" in caught.value.hint
    assert all(line.isprintable() for line in caught.value.lines())


def test_two_plugins_of_one_name() -> None:
    with pytest.raises(PluginError, match=r"^the plugin one does not fit.*ValueError"):
        having(one=Mechanisms()).register(Mechanisms(), "one")


@pytest.mark.parametrize("identifier", ["pigeon", "http-post-bytes", "vnd-acme", "vnd--x", "x-vnd-acme-pigeon", ""])
def test_a_mechanism_has_a_vendor_prefix(identifier: str) -> None:
    with pytest.raises(PluginError, match=rf"^the plugin birds has the mechanism '{identifier}', .*vnd-<operator>"):
        having(birds=Mechanisms(Mechanism(identifier, by_pigeon))).senders(silent)


def test_two_plugins_with_one_mechanism_are_both_named() -> None:
    one = Mechanisms(Mechanism("vnd-acme-pigeon", by_pigeon))
    other = Mechanisms(Mechanism("vnd-acme-pigeon", lambda _: None))

    with pytest.raises(PluginError, match=r"^the plugin other has the mechanism vnd-acme-pigeon, as one has"):
        having(one=one, other=other).senders(silent)


def test_a_hook_that_raises_is_named(make_release: MakeRelease) -> None:
    class Broken:
        @hookimpl
        def hatch_staged_check_release(self, release: Release) -> list[Finding]:
            raise RuntimeError(f"no {release.project}\n")

    with pytest.raises(
        PluginError, match=r"^the plugin bad failed in hatch_staged_check_release: RuntimeError: no foo"
    ):
        having(good=Mechanisms(), bad=Broken()).of_release(make_release())


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (["it is ugly"], "returned a str from hatch_staged_check_artifact, where a Finding is due"),
        (True, "failed in hatch_staged_check_artifact: TypeError"),
    ],
)
def test_a_hook_that_returns_something_else_is_named(make_release: MakeRelease, result: object, told: str) -> None:
    class Broken:
        @hookimpl
        def hatch_staged_check_artifact(self) -> object:
            return result

    with pytest.raises(PluginError, match=f"^the plugin bad {told}"):
        having(bad=Broken()).of_artifact(make_release().artifacts[0], b"")


def test_mechanisms_that_are_none() -> None:
    with pytest.raises(PluginError, match=r"^the plugin bad returned a str from hatch_staged_mechanisms"):
        having(bad=Mechanisms("vnd-acme-pigeon")).senders(silent)
