"""Lets Hatch find our plugin by its name, without looking through all that is installed, which takes ten milliseconds.

Hatch looks there for a name that none of its own plugins has.  So it does still, for any name but ours.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatchling.plugin.manager import ClassRegister

#: Of our entry point, of our publisher, and of our type of environments and their collector.
NAME = "staged"


def extend(register: type[ClassRegister]) -> None:
    """Let `register`, which knows the plugins of one kind, know ours as soon as it is asked for."""
    get = register.get

    @wraps(get)
    def get_with_ours(self: ClassRegister, name: str) -> Any:
        manager = self.third_party_plugins.manager
        if name == NAME and not manager.has_plugin(NAME):
            from hatch_staged.hatch import hooks  # noqa: PLC0415 - Hatch imports this module at every start

            # pluggy does not load an entry point whose name is registered
            manager.register(hooks, name=NAME)
        return get(self, name)

    register.get = get_with_ours  # type: ignore[method-assign]
