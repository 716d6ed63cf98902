"""Gives Hatch the option ``--staged`` and the group ``stage``, which no plugin hook can.

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


def install() -> None:
    """Extend Hatch's commands once `hatch.cli` has been imported; a second call changes nothing."""
    if _runs_hatch(sys.orig_argv) and not any(isinstance(finder, _HatchFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _HatchFinder())


def _runs_hatch(arguments: "Sequence[str]") -> bool:
    # `python /path/bin/hatch ...`, `python -m hatch ...`.  A stray argument "hatch" elsewhere only installs a finder
    # that never finds anything.
    return any(argument.lower().removesuffix(".exe").endswith("hatch") for argument in arguments[1:])


class _HatchFinder:
    """Finds `hatch.cli` once, as the other finders would, and extends the module when it has been executed."""

    def find_spec(self, name: str, *_: object) -> "ModuleSpec | None":
        if name != "hatch.cli":
            return None
        sys.meta_path.remove(self)

        from importlib.util import find_spec  # noqa: PLC0415 - a Python that is not Hatch must not pay for it

        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_extend(module: "ModuleType") -> None:
                execute(module)
                _extend(module)

            spec.loader.exec_module = execute_and_extend  # type: ignore[method-assign]
        return spec


def _extend(module: "ModuleType") -> None:
    try:
        from hatch_staged.hatch.commands import extend  # noqa: PLC0415 - see above

        extend(module.hatch)
    except Exception:  # noqa: BLE001, S110 - Hatch must go on working; `hatch publish -p staged` needs none of this
        pass
