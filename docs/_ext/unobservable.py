"""The directive ``unobservable``: lists what the conformance suite cannot see, from the file that it reads itself."""  # noqa: INP001 - Sphinx finds it by its folder

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sphinx.util.docutils import SphinxDirective

from hatch_staged.conformance.requirements import requirements, unobservable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docutils.nodes import Node
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata


class Unobservable(SphinxDirective):
    """``{unobservable}``: a table of the requirements that nobody can observe from outside, and why."""

    option_spec: ClassVar[dict[str, Callable[[str], object]]] = {}

    def run(self) -> list[Node]:
        """Return the table."""
        return self.parse_text_to_nodes("\n".join(_table()))


def _table() -> Iterator[str]:
    yield "| requirement | level | the PEP says | why it cannot be observed |"
    yield "| --- | --- | --- | --- |"
    for identifier, reason in unobservable().items():
        requirement = requirements()[identifier]
        quote = requirement.quote.replace("|", r"\|")
        yield f'| `{identifier}` | {requirement.level} | {requirement.section}: "{quote}" | {reason} |'


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("unobservable", Unobservable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
