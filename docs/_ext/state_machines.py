"""The directive ``state-machine``: draws a state machine of PEP 694 from the tables that the code itself obeys."""  # noqa: INP001 - Sphinx finds it by its folder

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from sphinx.util.docutils import SphinxDirective

from hatch_staged.protocol.states import FILE_TRANSITIONS, SESSION_TRANSITIONS, FileState, SessionState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from docutils.nodes import Node
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

    #: (from, event, to), each as PEP 694 words it
    Transition = tuple[str, str, str]

_MACHINES = {
    "session": (SESSION_TRANSITIONS, SessionState.OPEN),
    "file": (FILE_TRANSITIONS, FileState.PENDING),
}


class StateMachine(SphinxDirective):
    """``{state-machine} session`` or ``file``: a diagram, and the same as a table."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Callable[[str], object]]] = {}

    def run(self) -> list[Node]:
        """Return the diagram and the table."""
        table, first = _MACHINES[self.arguments[0]]
        transitions = [(before.value, event.value, after.value) for (before, event), after in table.items()]
        lines = [*_diagram(first.value, transitions), "", *_table(transitions)]
        return self.parse_text_to_nodes("\n".join(lines))


def _diagram(first: str, transitions: Iterable[Transition]) -> Iterator[str]:
    """Yield a mermaid diagram; transitions between the same two states share an arrow."""
    yield "```{mermaid}"
    yield "stateDiagram-v2"
    yield f"    [*] --> {first}"
    arrows = sorted(transitions, key=lambda transition: (transition[0], transition[2]))
    for (before, after), same in groupby(arrows, key=lambda transition: (transition[0], transition[2])):
        yield f"    {before} --> {after}: {'<br>'.join(event for _, event, _ in same)}"
    left = {before for before, _, _ in arrows}
    for end in sorted({after for _, _, after in arrows} - left):
        yield f"    {end} --> [*]"
    yield "```"


def _table(transitions: Iterable[Transition]) -> Iterator[str]:
    yield "| in the state | this event | leads to |"
    yield "| --- | --- | --- |"
    for before, event, after in transitions:
        yield f"| `{before}` | {event} | `{after}` |"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("state-machine", StateMachine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
