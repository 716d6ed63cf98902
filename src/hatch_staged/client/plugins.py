"""What others can add to staging: upload mechanisms and checks, through pluggy and the entry points ``hatch_staged``.

Plugin authors import `hatch_staged.plugins`, which names all that they need.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import pluggy

from hatch_staged.client.answers import printable
from hatch_staged.client.checks import Finding
from hatch_staged.client.sending import OURS, POST_BYTES, Execution, Mechanism
from hatch_staged.errors import PluginError
from hatch_staged.protocol.mechanisms import is_server_specific

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from importlib.metadata import EntryPoint

    from hatch_staged.client.artifacts import Artifact, Release

#: The group of entry points, and the name of our project for pluggy.
GROUP = "hatch_staged"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)

_Value = TypeVar("_Value")


class Specification:
    """The hooks."""

    @hookspec
    def hatch_staged_mechanisms(self) -> Iterable[Mechanism]:  # type: ignore[empty-body] # a specification has none
        """Return the upload mechanisms that the plugin knows."""

    @hookspec
    def hatch_staged_check_artifact(self, artifact: Artifact, metadata: bytes) -> Iterable[Finding]:  # type: ignore[empty-body] # likewise
        """Return what is wrong with `artifact`, whose METADATA or PKG-INFO file is `metadata`."""

    @hookspec
    def hatch_staged_check_release(self, release: Release) -> Iterable[Finding]:  # type: ignore[empty-body] # likewise
        """Return what is wrong with `release` as a whole."""


class Plugins:
    """The plugins that there are.  Whatever one of them does wrong is a `PluginError` that names it."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(Specification)

    def register(self, plugin: object, name: str) -> None:
        """Take in `plugin`, which is called `name` in errors."""
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            _fail(name, "does not fit this version of hatch-staged", error)

    def senders(self, notice: Callable[[str], None]) -> Mapping[str, Execution]:
        """Return what sends by each mechanism, ours and the plugins'; `notice` takes what a person should read."""
        found = {POST_BYTES.identifier: Execution(POST_BYTES, OURS, notice)}
        for name, mechanism in self._each("hatch_staged_mechanisms", Mechanism):
            if not is_server_specific(mechanism.identifier):
                _fail(name, f"has the mechanism {mechanism.identifier!r}, which is not called vnd-<operator>-<name>")
            other = found.setdefault(mechanism.identifier, Execution(mechanism, name, notice))
            if other.mechanism is not mechanism:
                _fail(name, f"has the mechanism {mechanism.identifier}, as {other.provider} has")
        return found

    @property
    def has_artifact_checks(self) -> bool:
        """Whether `of_artifact` does anything."""
        return bool(self._manager.hook.hatch_staged_check_artifact.get_hookimpls())

    def of_artifact(self, artifact: Artifact, metadata: bytes) -> Iterable[Finding]:
        """Return what the plugins find wrong with `artifact`."""
        found = self._each("hatch_staged_check_artifact", Finding, artifact=artifact, metadata=metadata)
        return [finding for _, finding in found]

    def of_release(self, release: Release) -> Iterable[Finding]:
        """Return what the plugins find wrong with `release`."""
        return [finding for _, finding in self._each("hatch_staged_check_release", Finding, release=release)]

    def _each(self, hook: str, kind: type[_Value], **arguments: object) -> Iterable[tuple[str, _Value]]:
        """Yield what the plugins return from `hook`, each with the name of its plugin."""
        every = self._manager.get_plugins()
        for name, plugin in self._manager.list_name_plugin():
            # one after the other, to know whose fault it is
            caller = self._manager.subset_hook_caller(hook, [other for other in every if other is not plugin])
            try:
                values: list[Any] = [value for result in caller(**arguments) for value in result]
            except Exception as error:  # noqa: BLE001 - somebody else's code: whatever it raises is its fault
                _fail(name, f"failed in {hook}", error)
            for value in values:
                if not isinstance(value, kind):
                    _fail(name, f"returned a {type(value).__name__} from {hook}, where a {kind.__name__} is due")
                yield name, value


def load() -> Plugins:
    """Return the plugins that are installed; raise `PluginError` if one cannot be imported, or fits not."""
    plugins = Plugins()
    for entry_point in entry_points(group=GROUP):
        name = _name(entry_point)
        try:
            plugin = entry_point.load()
        except Exception as error:  # noqa: BLE001 - likewise
            _fail(name, "cannot be imported", error)
        plugins.register(plugin, name)
    return plugins


def _name(entry_point: EntryPoint) -> str:
    distribution = entry_point.dist
    return f"{entry_point.name} of {distribution.name}" if distribution is not None else entry_point.name


def _fail(name: str, what: str, error: Exception | None = None) -> NoReturn:
    told = "" if error is None else f": {type(error).__name__}: {printable(str(error))}"
    raise PluginError(
        f"the plugin {name} {what}{told}", hint="update or uninstall it, in the environment that Hatch is in"
    ) from error
