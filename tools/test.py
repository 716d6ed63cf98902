"""Run every check of the project: style, types, imports, docs, and the tests on every Python that is here.

The tools live in `.venv/` inside the clone, the environments that Hatch makes of `pyproject.toml` in `.venv/hatch/`.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from bootstrap import SCRIPTS, make_environment, require_python, run, tell

CLONE = Path(__file__).resolve().parent.parent
ENVIRONMENT = CLONE / ".venv"


def main() -> None:
    """Run all checks; exit with something other than 0 at the first that fails."""
    require_python()
    tell("Set up: Hatch, in .venv")
    make_environment(ENVIRONMENT, "hatch>=1.18")
    for title, arguments in (
        ("Style, types and the direction of imports", ("run", "lint:all")),
        ("The docs, warnings as errors", ("run", "docs:build")),
        ("The tests, on every Python that is here", ("test", "--all", "--cover")),
    ):
        tell(title)
        command = [str(ENVIRONMENT / SCRIPTS / "hatch"), *arguments]
        run(command, cwd=CLONE, env=variables(), shown=shlex.join(["hatch", *arguments]))


def variables() -> dict[str, str]:
    """Return the present variables, with Hatch's folders inside the clone and every Python of pyenv within reach."""
    own = ENVIRONMENT / "hatch"
    own.mkdir(parents=True, exist_ok=True)
    (own / "config.toml").touch()
    # pyenv's shims refuse every version but the chosen one, so Hatch is shown the versions themselves.
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    pythons = sorted(path for path in pyenv.glob("3.1[0-9]*/bin"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HATCH_", "VIRTUAL_ENV"))}
    return kept | {
        "HATCH_DATA_DIR": str(own / "data"),
        "HATCH_CACHE_DIR": str(own / "cache"),
        "HATCH_CONFIG": str(own / "config.toml"),
        "PATH": os.pathsep.join([*map(str, pythons), os.environ.get("PATH", os.defpath)]),
    }


if __name__ == "__main__":
    main()
