"""What GitHub Actions and GitLab CI do with the files of the example project, as far as those ask for it.

A job gets a folder, a home and the variables that the service gives it, its shell steps run in order, and its artifacts
are all that goes on to other jobs.  What a file has in it that is not known here is an error: nothing is passed over.
"""

from __future__ import annotations

import fnmatch
import itertools
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import yaml
from tests import console_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

#: A step that takes longer hangs (seconds).
PATIENCE = 300

#: Keys that say where a job runs and what it may, which nobody here can try.
_GITHUB_JOB = {"needs", "if", "runs-on", "environment", "permissions", "strategy", "outputs", "steps"}
_GITHUB_STEP = {"id", "uses", "with", "run", "env"}
_GITLAB_JOB = {
    *("stage", "image", "parallel", "script", "artifacts", "dependencies", "environment", "when", "allow_failure"),
    *("variables", "resource_group"),
}
#: What the programs come by; here they are those that the tests run with.
_INSTALLING = ("python -m pip install hatch", "python -m pip install hatch hatch-staged")
_CANCEL_IF = "${{ (failure() || cancelled()) && needs.stage.result == 'success' }}"


class Ended(Enum):
    """How a job ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    SKIPPED = "skipped"


@dataclass
class Machine:
    """Where the job `name` runs: a folder, which has the same path in all jobs, and a home of its own."""

    name: str
    folder: Path
    home: Path
    installer_caches: dict[str, str]
    given: Mapping[str, str]
    log: list[str]

    def __post_init__(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.home.mkdir(parents=True)
        known = console_pages.variables(self.home, self.installer_caches)
        self._variables = {**known, "CI": "true", **self.given}
        # Environments are shared by all jobs, to be made once; what is in them, each job sees to.
        environments = self.folder.parent / "environments"
        (self.home / "hatch.toml").write_text(
            f"[dirs.env]\nvirtual = {str(environments / 'v')!r}\nstaged = {str(environments / 's')!r}\n"
        )

    def sh(self, script: str, variables: Mapping[str, str]) -> bool:
        """Run `script`, every line of which has to succeed; return whether it did."""
        lines = "\n".join(line for line in script.splitlines() if line not in _INSTALLING)
        assert " install " not in lines, f"{lines} installs what is not known here"
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", lines],  # noqa: S607 - the one on the path
            cwd=self.folder,
            env={**self._variables, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        self.log.append(f"$ {script}\n{ended.stdout}")
        return ended.returncode == 0


@dataclass
class Service:
    """A service with a copy of the project in `repository`, what was set up, and what came of it.

    `secrets` are those of each environment, and of the jobs without one (``""``).  `settings` are open to all jobs.
    Whoever has to approve something does.
    """

    work: Path
    repository: Path
    installer_caches: dict[str, str]
    settings: Mapping[str, str]
    secrets: Mapping[str, Mapping[str, str]]
    log: list[str] = field(default_factory=list)
    #: name -> path in it -> content
    artifacts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    #: name -> the job that it is of
    made_by: dict[str, str] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers = itertools.count()

    def machine(self, job: str, **given: str) -> Machine:
        """Return a machine for `job` that nobody has used."""
        home = self.work / "homes" / f"{type(self).__name__}-{next(self._numbers)}"
        return Machine(job, self.work / "job", home, self.installer_caches, given, self.log)

    def check_out(self, folder: Path) -> None:
        """Put the repository into `folder`."""
        shutil.copytree(self.repository, folder, dirs_exist_ok=True)

    def begin(self, kept: Collection[str]) -> None:
        """Forget an earlier run, but for the artifacts of the jobs that are `kept`, which are not run again."""
        self.log.clear()
        self.artifacts = {name: files for name, files in self.artifacts.items() if self.made_by[name] in kept}
        self.ended = dict.fromkeys(kept, Ended.SUCCESS)

    def unpack(self, artifact: str, folder: Path) -> None:
        """Put an artifact into `folder`."""
        for name, content in self.artifacts[artifact].items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def rows(matrix: Mapping[str, Any], *, all_of_them: bool) -> list[dict[str, str]]:
    """Return the rows of a matrix; the first alone, unless all are wanted."""
    included = matrix.get("include")
    axes = {name: values for name, values in matrix.items() if name != "include"}
    found = included or [dict(zip(axes, row, strict=True)) for row in itertools.product(*axes.values())]
    assert not (included and axes)
    return found if all_of_them else found[:1]


def knows(what: str, given: Mapping[Any, Any], known: set[str]) -> None:
    """Fail for a key that is not known here."""
    assert given.keys() <= known, f"{what} has {given.keys() - known}, which is not known here"


class GitHub(Service):
    """GitHub Actions."""

    def run(self, kept: Collection[str] = ()) -> dict[str, Ended]:
        """Run the workflow, but for the jobs that are `kept` of an earlier run; return how its jobs ended."""
        workflow = yaml.safe_load((self.repository / ".github" / "workflows" / "release.yml").read_text())
        # YAML 1.1 takes `on` for a truth value
        knows("the workflow", workflow, {"name", True, "concurrency", "permissions", "defaults", "env", "jobs"})  # type: ignore[arg-type]
        assert workflow["defaults"] == {"run": {"shell": "bash"}}
        self.outputs: dict[str, dict[str, str]] = {}
        self.summary = ""
        self.begin(kept)
        for name, job in workflow["jobs"].items():
            knows(name, job, _GITHUB_JOB)
            if name not in kept:
                self.ended[name] = self._job(name, job, workflow["env"]) if self._is_on(job) else Ended.SKIPPED
        return self.ended

    def _is_on(self, job: Mapping[str, Any]) -> bool:
        needed = job.get("needs", [])
        ended = [self.ended[each] for each in ([needed] if isinstance(needed, str) else needed)]
        if "if" in job:
            assert job["if"] == _CANCEL_IF
            return Ended.FAILURE in ended and self.ended["stage"] is Ended.SUCCESS
        return set(ended) <= {Ended.SUCCESS}

    def _job(self, name: str, job: Mapping[str, Any], env: Mapping[str, str]) -> Ended:
        environment = job.get("environment", "")
        matrix = job.get("strategy", {}).get("matrix", {})
        for row in rows(matrix, all_of_them=name == "build") if matrix else [{}]:
            contexts: dict[str, Any] = {
                "vars": self.settings,
                "secrets": self.secrets[environment],
                "matrix": row,
                "needs": {each: {"outputs": told} for each, told in self.outputs.items()},
                "steps": {},
            }
            machine = self.machine(name, GITHUB_ACTIONS="true", RUNNER_TEMP=str(self.work))
            machine.given = {each: filled(text, contexts) for each, text in env.items()}
            for step in job["steps"]:
                knows(f"a step of {name}", step, _GITHUB_STEP)
                if not self._step(machine, step, contexts):
                    return Ended.FAILURE
            self.outputs[name] = {key: filled(text, contexts) for key, text in job.get("outputs", {}).items()}
        return Ended.SUCCESS

    def _step(self, machine: Machine, step: Mapping[str, Any], contexts: dict[str, Any]) -> bool:
        if "uses" in step:
            arguments = {key: filled(str(text), contexts) for key, text in step.get("with", {}).items()}
            ACTIONS[step["uses"]](self, machine, **{key.replace("-", "_"): text for key, text in arguments.items()})
            return True
        files = {name: machine.home / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.write_text("")
        own = {key: filled(text, contexts) for key, text in step.get("env", {}).items()}
        ended = machine.sh(step["run"], {**machine.given, **{name: str(path) for name, path in files.items()}, **own})
        if "id" in step:
            told = re.findall(r"(?ms)^([\w-]+)<<(\S+)\n(.*?)\n\2$", files["GITHUB_OUTPUT"].read_text())
            contexts["steps"][step["id"]] = {"outputs": {key: value for key, _, value in told}}
        self.summary += files["GITHUB_STEP_SUMMARY"].read_text()
        return ended


def filled(text: str, contexts: Mapping[str, Any]) -> str:
    """Return `text` with its expressions filled in; only plain paths are known."""

    def look_up(found: re.Match[str]) -> str:
        value: Any = contexts
        for part in found[1].split("."):
            # a secret that is not there is empty
            value = value.get(part, "") if value is contexts["secrets"] else value[part]
        return str(value)

    done = re.sub(r"\$\{\{ ([\w.-]+) \}\}", look_up, text)
    assert "${{" not in done, f"{text} has an expression that is not known here"
    return done


def _checkout(service: GitHub, machine: Machine, *, persist_credentials: str) -> None:
    assert persist_credentials == "False"
    service.check_out(machine.folder)


def _setup_python(_service: GitHub, _machine: Machine, *, python_version: str) -> None:
    assert re.fullmatch(r"3\.\d+", python_version), "a number in YAML loses its last zero"


def _upload(
    service: GitHub,
    machine: Machine,
    *,
    name: str,
    path: str,
    if_no_files_found: str,
    include_hidden_files: str = "False",
) -> None:
    assert if_no_files_found == "error"
    assert name not in service.artifacts, "an artifact of this name is there already"
    source = machine.folder / path
    root, found = (source, source.rglob("*")) if source.is_dir() else (source.parent, iter([source]))
    hidden = include_hidden_files == "True"
    files = [file for file in found if file.is_file() and (hidden or not file.name.startswith("."))]
    assert files, f"{path} has no files that are taken"
    service.made_by[name] = machine.name
    service.artifacts[name] = {file.relative_to(root).as_posix(): file.read_bytes() for file in files}


def _download(
    service: GitHub, machine: Machine, *, name: str = "", pattern: str = "", path: str = ".", merge_multiple: str = ""
) -> None:
    assert bool(name) != bool(pattern)
    assert (merge_multiple == "True") is bool(pattern), "several would get folders of their own"
    for each in [name] if name else fnmatch.filter(service.artifacts, pattern):
        service.unpack(each, machine.folder / path)


#: What the actions do; another one, or another version, is none of these.
ACTIONS: Mapping[str, Callable[..., None]] = {
    "actions/checkout@v7": _checkout,
    "actions/setup-python@v7": _setup_python,
    "actions/upload-artifact@v7": _upload,
    "actions/download-artifact@v8": _download,
}


class GitLab(Service):
    """GitLab CI."""

    def run(self, kept: Collection[str] = ()) -> dict[str, Ended]:
        """Run the pipeline of a tag, but for the jobs that are `kept` of an earlier run; return how its jobs ended."""
        pipeline = yaml.safe_load((self.repository / ".gitlab-ci.yml").read_text())
        assert pipeline.pop("workflow") == {"rules": [{"if": "$CI_COMMIT_TAG"}]}
        assert pipeline.pop("default").keys() == {"image"}
        stages: Sequence[str] = pipeline.pop("stages")
        self.begin(kept)
        failed = False
        for stage in stages:
            for name, job in pipeline.items():
                knows(name, job, _GITLAB_JOB)
                if job["stage"] == stage and name not in kept:
                    when = job.get("when", "on_success")
                    assert when in {"on_success", "on_failure", "manual"}
                    self.ended[name] = self._job(name, job) if (when == "on_failure") is failed else Ended.SKIPPED
            failed = failed or any(self.ended.get(name) is Ended.FAILURE for name in pipeline)
        assert self.ended.keys() == pipeline.keys()
        return self.ended

    def _job(self, name: str, job: Mapping[str, Any]) -> Ended:
        variables = {**self.settings, **self.secrets[job.get("environment", {}).get("name", "")], "CI_COMMIT_TAG": "v1"}
        [matrix] = job.get("parallel", {"matrix": [{}]})["matrix"]
        for row in rows(matrix, all_of_them=name == "build"):
            machine = self.machine(name, GITLAB_CI="true")
            own = job.get("variables", {})
            if own.get("GIT_STRATEGY") != "none":
                self.check_out(machine.folder)
            for each in job.get("dependencies", list(self.artifacts)):
                self.unpack(each, machine.folder)
            if not machine.sh("\n".join(job["script"]), {**variables, **own, **row}):
                return Ended.FAILURE
            if "artifacts" in job:
                knows(f"artifacts of {name}", job["artifacts"], {"paths", "access", "expire_in"})
                self.artifacts.setdefault(name, {}).update(self._packed(machine.folder, job["artifacts"]["paths"]))
                self.made_by[name] = name
        return Ended.SUCCESS

    def _packed(self, folder: Path, paths: Sequence[str]) -> dict[str, bytes]:
        found = [file for path in paths for file in [folder / path, *(folder / path).rglob("*")] if file.is_file()]
        assert found, f"there is none of {paths}"
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}


def has_bash() -> bool:
    """Whether there is a shell as the services have it."""
    return sys.platform != "win32" and shutil.which("bash", path=os.defpath) is not None
