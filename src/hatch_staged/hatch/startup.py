"""Gives Hatch the option ``--staged`` and the group ``stage``, which no plugin hook can, and a short way to our plugin.

`hatch_staged.pth` is read whenever a Python of this environment starts, so it must cost nothing in a Python that is not
Hatch: it looks at the arguments before it imports even this module.  From Python 3.15 on `hatch_staged.start` takes its
place (PEP 829); that form has no room for a condition, so `install` asks again.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


#: What of Hatch is extended, the name of a module and of something in it, and which module of ours extends it.
_EXTENSIONS = (
    ("hatch.cli", "hatch", "hatch_staged.hatch.commands"),
    ("hatchling.plugin.manager", "ClassRegister", "hatch_staged.hatch.lookup"),
)


def install() -> None:
    """Extend Hatch as soon as its modules have been imported; a second call changes nothing."""
    if _runs_hatch(sys.orig_argv) and not any(isinstance(finder, _HatchFinder) for finder in sys.meta_path):
        sys.meta_path[:0] = [_HatchFinder(*extension) for extension in _EXTENSIONS]


def _runs_hatch(arguments: "Sequence[str]") -> bool:
    # `python /path/bin/hatch ...`, `python -m hatch ...`.  A stray argument "hatch" elsewhere only installs a finder
    # that never finds anything.
    return any(argument.lower().removesuffix(".exe").endswith("hatch") for argument in arguments[1:])


class _HatchFinder:
    """Finds a module once, as the other finders would, and extends something in it when it has been executed."""

    def __init__(self, module: str, extended: str, extension: str) -> None:
        self._module = module
        self._extended = extended
        self._extension = extension

    def find_spec(self, name: str, *_: object) -> "ModuleSpec | None":
        if name != self._module:
            return None
        sys.meta_path.remove(self)

        from importlib.util import find_spec  # noqa: PLC0415 - a Python that is not Hatch must not pay for it

        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_extend(module: "ModuleType") -> None:
                execute(module)
                self._extend(module)

            spec.loader.exec_module = execute_and_extend  # type: ignore[method-assign]
        return spec

    def _extend(self, module: "ModuleType") -> None:
        from contextlib import suppress  # noqa: PLC0415 - see above
        from importlib import import_module  # noqa: PLC0415 - see above

        # Hatch must go on working; `hatch publish -p staged` needs none of this
        with suppress(Exception):
            import_module(self._extension).extend(getattr(module, self._extended))
