"""Run the main job of hatch-staged on the example project: build, stage, test from the stage, publish, install.

Everything that it needs and makes lies in `.demo/` inside the clone, and no process outlives it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from bootstrap import SCRIPTS, make_environment, require_python, run, tell

CLONE = Path(__file__).resolve().parent.parent
DEMO = CLONE / ".demo"
TOOLS = DEMO / "tools"
PEOPLE = ("maintainer", "teammate", "customer")


def main() -> None:
    """Run the demonstration; exit with something other than 0 if a step fails."""
    require_python()
    tell("Set up: an environment with Hatch and this plugin, in .demo/tools")
    make_environment(TOOLS, f"{CLONE}[index]")
    for person in PEOPLE:
        leave(person)
    try:
        demonstrate()
    finally:
        stop_index("maintainer")
    tell("Done: the release was tested before anybody else could see it, and nothing is left running.")


def demonstrate() -> None:
    """Walk through the five commands, and what a teammate and a customer do in between."""
    maintainer = arrive("maintainer")
    tell("A maintainer builds a release and stages it. Nothing is public.")
    hatch("maintainer", "build")
    hatch("maintainer", "publish", "--staged")

    tell("The stage file names every byte of it. Whoever holds it can install the release.")
    stage_file = maintainer / ".stage.toml"
    print(f"$ cat .stage.toml\n{stage_file.read_text(encoding='utf-8')}", flush=True)

    tell("A teammate has another copy, whose own code is broken, and is given the stage file.")
    teammate = arrive("teammate")
    broken = "raise RuntimeError('this is the checkout, not the staged release')\n"
    (teammate / "src" / "lighthouse" / "__init__.py").write_text(broken, encoding="utf-8")
    shutil.copy(stage_file, teammate)
    tell("There, the same command as always tests the staged release, not the checkout.")
    hatch("teammate", "run", "test")
    hatch("teammate", "run", "where")

    tell("It works, so the maintainer publishes: the whole release becomes public at once.")
    hatch("maintainer", "stage", "status")
    hatch("maintainer", "stage", "publish", "--yes")

    tell("Everybody can install it now, from the ordinary pages of the index.")
    index = re.search(r'^index = "(.*)upload/"$', stage_file.read_text(encoding="utf-8"), re.MULTILINE)
    if index is None:
        raise SystemExit(f"{stage_file} names no index")
    python = str(make_environment(DEMO / "customer") / "python")
    install = ["install", "--disable-pip-version-check", "--no-cache-dir", "--index-url", f"{index[1]}simple/"]
    run([python, "-m", "pip", *install, "lighthouse==1.2.0"], cwd=DEMO, env=outside_hatch())
    run([python, "-c", "import lighthouse; print(lighthouse.visible_from(100))"], cwd=DEMO, env=outside_hatch())


def arrive(person: str) -> Path:
    """Return a fresh copy of the example project, for `person` to work in."""
    copy = DEMO / person
    left_out = shutil.ignore_patterns("dist", ".stage.toml", "__pycache__", ".*_cache")
    shutil.copytree(CLONE / "example-project", copy, ignore=left_out)
    (copy / ".hatch").mkdir()
    (copy / ".hatch" / "config.toml").touch()
    return copy


def leave(person: str) -> None:
    """Remove what an earlier run left of `person`."""
    stop_index(person)
    if (DEMO / person).exists():
        shutil.rmtree(DEMO / person)


def hatch(person: str, *arguments: str) -> None:
    """Run Hatch where and as `person`."""
    command = [str(TOOLS / SCRIPTS / "hatch"), *arguments]
    run(command, cwd=DEMO / person, env=environment_of(person), shown=shlex.join(["hatch", *arguments]))


def stop_index(person: str) -> None:
    """Stop the local index of `person`, if there is one."""
    if (DEMO / person / ".hatch").is_dir():
        stop = [str(TOOLS / SCRIPTS / "hatch-staged"), "serve", "--stop"]
        subprocess.run(stop, cwd=DEMO / person, env=environment_of(person), check=True, stdout=subprocess.DEVNULL)


def environment_of(person: str) -> dict[str, str]:
    """Return the variables for somebody who shares no data, cache or configuration of Hatch with anybody else."""
    own = DEMO / person / ".hatch"
    return outside_hatch() | {
        "HATCH_DATA_DIR": str(own / "data"),
        "HATCH_CACHE_DIR": str(own / "cache"),
        "HATCH_CONFIG": str(own / "config.toml"),
        "PATH": f"{TOOLS / SCRIPTS}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


def outside_hatch() -> dict[str, str]:
    """Return the present variables without those that would lead to somebody's Hatch or Python."""
    ours = ("HATCH_", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


if __name__ == "__main__":
    main()
