"""What the suite runs as ``--grant`` and ``--revoke``: ``python -m tests.conformance.membership add DATA_DIR PROJECT``.

It does what ``hatch-staged project add`` (or ``remove``) does, without the time that Hatch needs to start.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hatch_staged.index import projects
from hatch_staged.index.core import open_index

#: whose token ``--other-token`` is
OTHER = "bob"


def main(verb: str, data_dir: str, project: str) -> None:
    """Add the other one to the members of `project`, or remove them."""
    with open_index(Path(data_dir)) as index:
        change = projects.add_member if verb == "add" else projects.remove_member
        change(index, project, OTHER)


if __name__ == "__main__":
    main(*sys.argv[1:])
