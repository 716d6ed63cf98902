"""What the suite runs as ``--grant`` and ``--revoke``: ``python -m tests.conformance.membership ROOT VERB PROJECT``.

It asks the operator's door of `tests.conformance.faulty_index`, which is there for this: an operator's own command,
``hatch-staged project add``, would take a second each time.
"""

from __future__ import annotations

import sys
from urllib.request import Request, urlopen

#: where the door is, below the root of the index
DOOR = "-/operator/"
#: whose token ``--other-token`` is
OTHER = "bob"


def main(root: str, verb: str, project: str) -> None:
    """Add the other one to the members of `project`, or remove them."""
    with urlopen(Request(f"{root}{DOOR}{verb}/{project}", method="POST")):  # noqa: S310 - of the index under trial
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
