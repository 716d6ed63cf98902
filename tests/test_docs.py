"""The docs tell the truth: their commands run, and what they list is what there is."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
import pytest
import tomlkit
from hatch.cli import hatch
from starlette.testclient import TestClient
from tests import console_pages
from tests.client.upload_server import Reply, UploadServer
from tests.console_pages import fenced, section
from tests.index.building import build, metadata_of

from hatch_staged import cli, errors, outcome
from hatch_staged import plugins as for_plugins
from hatch_staged.client import artifacts, checks, plugins
from hatch_staged.client.artifacts import Artifact, Release
from hatch_staged.client.sending import Upload, choose
from hatch_staged.client.transport import Transport
from hatch_staged.client.upload_api import Client
from hatch_staged.conformance import verdict
from hatch_staged.conformance.requirements import requirements
from hatch_staged.hatch import context, settings
from hatch_staged.hatch.commands import extend
from hatch_staged.index import capacity, legacy, metrics, openapi, urls, wire
from hatch_staged.index.app import create_app
from hatch_staged.index.configuration import Limits, read_limits
from hatch_staged.index.core import open_index
from hatch_staged.index.records import Permission
from hatch_staged.repositories import KNOWN, LOCAL, Repository
from hatch_staged.stage import stagefile

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
#: The ports in the pages, in whose places the commands run on ports that are free.
LOCAL_PORT, TEAM_PORT = "8694", "8695"


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    return fenced(text_of(path), language)


def code(text: str) -> set[str]:
    """Return what stands in backquotes, and the first words of it, such as ``--user`` of ``--user NAME``."""
    spans = set(re.findall(r"`([^`\n]+)`", text))
    return spans | {span.split()[0] for span in spans}


def options(command: click.Command) -> set[str]:
    given = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    return {name for option in given for name in (*option.opts, *option.secondary_opts)}


def publish_command() -> click.Command:
    """Return ``hatch publish`` as a user has it; extending it again changes nothing."""
    extend(hatch)
    return hatch.commands["publish"]


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


# The pages that are run


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@contextmanager
def person(tmp_path: Path, port: str, installer_caches: dict[str, str]) -> Iterator[tuple[Path, dict[str, str]]]:
    """Give a folder to work in and variables; the local index listens on `port`, and is stopped at the end."""
    home, work = tmp_path / "home", tmp_path / "work"
    local_index = home / "data" / context.FOLDER / "index"
    local_index.mkdir(parents=True)
    (local_index / "port").write_text(port, encoding="ascii")
    work.mkdir()
    variables = console_pages.variables(home, installer_caches)
    try:
        yield work, variables
    finally:
        for folder in (local_index, work / "index"):
            program = console_pages.program("hatch-staged", variables["PATH"])
            stop = [program, "serve", "--stop", "--data-dir", str(folder)]
            subprocess.run(stop, cwd=work, env=variables, check=True, capture_output=True)


@pytest.mark.journey
@pytest.mark.parametrize("page", ["tutorial.md", "howto-team-index.md"])
def test_a_page_runs_as_it_is_written(page: str, tmp_path: Path, installer_caches: dict[str, str]) -> None:
    ports = {LOCAL_PORT: free_port(), TEAM_PORT: free_port()}
    text = re.sub("|".join(ports), lambda written: ports[written[0]], text_of(DOCS / page))
    steps = console_pages.read(text)
    typed = [step.text for step in steps if isinstance(step, console_pages.Command)]
    assert typed == re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    with person(tmp_path, ports[LOCAL_PORT], installer_caches) as (work, variables):
        if page != "tutorial.md":  # which makes the project itself
            left_out = shutil.ignore_patterns("dist", settings.Settings().stage_file, "__pycache__", ".*_cache")
            shutil.copytree(ROOT / "example-project", work / "lighthouse", ignore=left_out)
        with console_pages.shell(work, variables) as shell:
            for step in steps:
                if isinstance(step, console_pages.File):
                    step.write(work)
                else:
                    shell.type(step)


# README


def test_the_first_two_blocks_of_the_readme_are_its_two_commands() -> None:
    first, second = re.findall(r"^```.*\n((?s:.*?))^```$", text_of(ROOT / "README.md"), re.MULTILINE)[:2]
    assert (first, second) == ("python3 tools/demo.py\n", "python3 tools/test.py\n")
    assert (ROOT / "tools" / "demo.py").is_file()
    assert (ROOT / "tools" / "test.py").is_file()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "example-project/README.md"])
def test_links_to_files_lead_somewhere(name: str) -> None:
    page = ROOT / name
    targets = re.findall(r"\]\(([^)#:]+)\)", text_of(page))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *DOCS.rglob("*.md")], ids=lambda page: page.name)
def test_every_link_has_a_text(page: Path) -> None:
    """So that it can be read where nobody has built the docs."""
    assert "[](" not in text_of(page)


def test_no_session_token_gets_into_the_example_projects_source_distribution() -> None:
    assert settings.Settings().stage_file in text_of(ROOT / "example-project" / ".gitignore").splitlines()


TEAM_INDEX = text_of(DOCS / "howto-team-index.md")

# reference/commands.md

COMMANDS = text_of(REFERENCE / "commands.md")
CONFORMANCE = text_of(REFERENCE / "conformance.md")
LEAVES = dict(leaves(cli.stage))
ON_THE_STAGE_FILE = {"status", "publish", "cancel", "extend", "wait", "pull", "install", "test", "release", "export"}
HELP = {"-h", "--help"}


@pytest.mark.parametrize("verb", sorted(LEAVES))
def test_a_verb_is_documented_with_exactly_its_options(verb: str) -> None:
    shared = "### Shared options" if verb in ON_THE_STAGE_FILE else "## Verbs of an index"
    documented = code(section(COMMANDS, f"### {verb}"))
    common = set() if verb == "conformance" else code(section(COMMANDS, shared).partition("\n### ")[0])
    written = {span for span in documented | common if span.startswith("-")}
    assert {span for span in written if " " not in span} - HELP == options(LEAVES[verb]) - HELP


def test_the_page_on_conformance_has_exactly_its_options_too() -> None:
    documented = {span for span in code(section(CONFORMANCE, "## Run it")) if re.fullmatch(r"--?[a-z-]+", span)}
    assert documented == options(LEAVES["conformance"]) - HELP


def test_the_example_of_a_result_is_one() -> None:
    [example] = blocks(REFERENCE / "conformance.md", "json")
    [entry] = json.loads(example)["requirements"]
    requirement = requirements()[entry["id"]]
    checked = verdict.Outcome(entry["checks"][0], (requirement.id,), verdict.Result.PASSED)
    [passed] = [each for each in verdict.judge([checked]) if each.requirement == requirement]
    assert json.loads(verdict.as_json([passed], json.loads(example)["index"])) == json.loads(example)


def test_every_key_of_an_outcome_is_documented() -> None:
    documented = code(section(COMMANDS, "## The outcome as JSON"))
    kinds = (outcome.Document, outcome.Release, outcome.File, outcome.Error)
    keys = {field.encode_name for kind in kinds for field in msgspec.structs.fields(kind)}
    assert keys <= documented


def test_the_example_of_an_outcome_is_one() -> None:
    [example] = blocks(REFERENCE / "commands.md", "json")
    read = msgspec.json.decode(example, type=outcome.Document)
    assert json.loads(msgspec.json.encode(read)) == json.loads(example)


def test_no_other_verb_is_documented() -> None:
    headings = set(re.findall(r"^### (.*)$", COMMANDS, re.MULTILINE))
    assert headings == LEAVES.keys() | {"Shared options"}


def test_the_options_of_publish_are_documented() -> None:
    documented = code(section(COMMANDS, "## hatch publish --staged"))
    assert options(publish_command()) - HELP <= documented


def test_the_options_before_the_verb_are_documented(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = set(re.findall(r"(?<![\w-])--?[a-z-]+", capsys.readouterr().out.partition("Commands:")[0]))
    assert shown <= code(section(COMMANDS, "## Options before the verb"))


def test_the_permissions_are_documented() -> None:
    documented = code(section(TEAM_INDEX, "## Give out tokens"))
    assert {f"--can {permission.value}" for permission in Permission} <= documented


# reference/exit-codes.md


def test_every_exit_code_is_documented() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.StagedError)]
    documented = re.findall(r"^\| (\d) \|", text_of(REFERENCE / "exit-codes.md"), re.MULTILINE)
    assert documented == [str(number) for number in sorted({0} | {kind.exit_code for kind in kinds})]


# reference/configuration.md

DAY = 24 * 60 * 60
CONFIGURATION = text_of(REFERENCE / "configuration.md")


def test_every_setting_is_documented() -> None:
    documented = code(CONFIGURATION)
    names = [field.name for field in fields(settings.Settings)]
    names += [field.name for field in fields(Repository) if field.name not in {"name", "chosen"}]
    assert {name.replace("_", "-") for name in names} <= documented


def test_the_documented_table_is_accepted_with_the_documented_defaults() -> None:
    table = tomlkit.parse(blocks(REFERENCE / "configuration.md", "toml")[0]).unwrap()
    read = settings.read(table["tool"]["hatch"]["publish"]["staged"], {})
    assert read.repos["team"].simple == "https://index.example.com/simple/"
    defaults = settings.Settings()
    for name, default in (("repo", defaults.repo), ("stage-file", defaults.stage_file)):
        assert re.search(rf'^\| `{name}` \|.*\| `"{re.escape(default)}"` \|$', CONFIGURATION, re.MULTILINE)
    assert re.search(rf"^\| `jobs` \|.*\| `{defaults.jobs}` \|$", CONFIGURATION, re.MULTILINE)


def test_every_known_name_is_documented() -> None:
    assert {LOCAL, *KNOWN} <= code(section(CONFIGURATION, "## Known names"))


def test_every_limit_of_an_index_is_documented_with_its_default() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \|.*\| `(\d+)`.* \|$", section(CONFIGURATION, "## Limits of an index"), re.MULTILINE
    )
    limits = {name.replace("_", "-"): str(default) for name, default in vars(Limits()).items()}
    assert rows == list(limits.items())


def test_the_example_of_limits_is_accepted(tmp_path: Path) -> None:
    [example] = fenced(section(TEAM_INDEX, "## Limits"), "toml")
    (tmp_path / "index.toml").write_text(example, encoding="utf-8")
    assert read_limits(tmp_path / "index.toml") != Limits()


def test_times_told_of_limits_are_the_defaults() -> None:
    told = section(TEAM_INDEX, "## Limits")
    defaults = Limits()
    assert (defaults.session_lifetime, defaults.longest_session) == (7 * DAY, 30 * DAY)
    assert "grants a release a week, and a month" in told
    assert (defaults.sweep_interval, defaults.retention, defaults.orphan_age) == (5 * 60, 30 * DAY, DAY)
    assert "within five minutes" in told
    assert "another 30 days" in told
    assert "is removed a day after it" in told


def test_every_variable_is_documented() -> None:
    commands = [*LEAVES.values(), publish_command()]
    ours = {variable for command in commands for p in command.params for variable in [p.envvar] if variable}
    ours -= {"HATCH_PUBLISHER", "HATCH_PUBLISHER_OPTIONS"}  # Hatch's own
    assert {*map(str, ours), context.SWITCH, context.STAGE_FILE, "HATCH_DEBUG"} <= code(CONFIGURATION)


# reference/stage-file.md

STAGE_FILE = REFERENCE / "stage-file.md"


def test_the_example_of_a_stage_file_is_one() -> None:
    [example] = blocks(STAGE_FILE, "toml")
    [release] = stagefile.parse(example, STAGE_FILE).releases
    assert stagefile.dump(stagefile.StageFile((release,))) == example


def test_every_key_of_a_stage_file_is_documented() -> None:
    [example] = blocks(STAGE_FILE, "toml")
    keys = set(re.findall(r"^([a-z-]+) = |[{,] ?([a-z-]+) = ", example, re.MULTILINE))
    assert {key for pair in keys for key in pair if key} | {"path", "sha256"} <= code(text_of(STAGE_FILE))


def test_the_documented_command_prints_the_digest(tmp_path: Path) -> None:
    [command] = blocks(STAGE_FILE, "sh")
    # the order of the names is not that of the hashes
    contents = {"lighthouse-1.2.0-py3-none-any.whl": b"one", "lighthouse-1.2.0.tar.gz": b"two"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    [example] = blocks(STAGE_FILE, "toml")
    for artifact in stagefile.parse(example, STAGE_FILE).releases[0].artifacts:
        digest = hashlib.sha256(contents[artifact.filename]).hexdigest()
        example = example.replace(artifact.sha256, digest)
    run = [console_pages.program("sh"), "-c", command]
    printed = subprocess.run(run, cwd=tmp_path, check=True, capture_output=True, encoding="utf-8")
    digest = f"sha256:{printed.stdout.split()[0]}"
    # which would be refused if it did not fit
    stagefile.parse(re.sub(r'^digest = ".*"$', f'digest = "{digest}"', example, flags=re.MULTILINE), STAGE_FILE)


# reference/http.md

HTTP = text_of(REFERENCE / "http.md")


def test_every_path_is_documented() -> None:
    documented = {path for path in code(section(HTTP, "## URLs")) if path.startswith("/")}
    known = {path if path.startswith("/-/") else path[: path.find("/", 1) + 1] or path for path in openapi.OPERATIONS}
    known = {"/" if path == urls.HOME else path for path in known} - {urls.SIMPLE.rstrip("/")}
    assert known <= documented


def test_every_field_of_a_form_is_documented() -> None:
    assert code(section(HTTP, "## Upload 1.0")) >= legacy.FIELDS


def test_the_limits_of_a_request_are_documented() -> None:
    table = section(HTTP, "## Limits of a request")
    limits = Limits()
    for told in (
        f"{limits.request_size // 1024**2} MiB, within {limits.body_timeout} seconds",
        f"never stops for {limits.body_timeout} seconds",
        f"{limits.form_size // 1024**2} MiB together, {legacy.MOST_FIELDS} fields",
        f"{wire.HEAD_SIZE // 1024} KiB, within {wire.HEAD_TIMEOUT} seconds",
        f"{wire.SLOWEST_READER // 1024} KiB per second over {limits.body_timeout} seconds",
        f"| {capacity.MOST_REQUESTS} |",
    ):
        assert told in table


def test_every_metric_is_documented(tmp_path: Path) -> None:
    with open_index(tmp_path) as index, TestClient(create_app(index)) as client:
        shown = set(re.findall(r"^(hatch_staged_\w+)", client.get(urls.METRICS).text, re.MULTILINE))
    documented = code(section(HTTP, "## Metrics"))
    assert shown == {name for name in documented if name.startswith("hatch_staged_")}
    assert documented >= set(metrics.FRONTS)


# howto-plugins.md and reference/plugins.md

PLUGINS = text_of(REFERENCE / "plugins.md")
HOWTO_PLUGINS = text_of(DOCS / "howto-plugins.md")


@pytest.fixture
def example_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Install the example as its own page says, and return the sentence that the page ends with."""
    captioned = re.findall(r"^```\{code-block\} \w+\n:caption: (.*)\n\n((?s:.*?))^```$", HOWTO_PLUGINS, re.MULTILINE)
    files = dict(captioned)
    project = tomlkit.parse(files["pyproject.toml"]).unwrap()["project"]
    (tmp_path / "acme_staging.py").write_text(files["acme_staging.py"], encoding="utf-8")
    info = tmp_path / "acme_staging-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    [(group, [(name, module)])] = [(group, list(each.items())) for group, each in project["entry-points"].items()]
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    [*_, last] = blocks(DOCS / "howto-plugins.md", "text")
    return last.strip()


def test_the_checks_of_the_example_plugin_say_what_the_page_says(example_plugin: str, tmp_path: Path) -> None:
    filename = "foo-1.0-py3-none-any.whl"
    (tmp_path / filename).write_bytes(build(filename).data)
    found = artifacts.find((), root=tmp_path, default=tmp_path)
    with pytest.raises(errors.StagedError) as caught:
        checks.check(found, plugins.load())
    assert f"{filename}: {caught.value.what}" == example_plugin


@pytest.mark.usefixtures("example_plugin")
def test_the_mechanism_of_the_example_plugin_sends_files(tmp_path: Path) -> None:
    licensed = metadata_of("foo", "1.0", "License-Expression: MIT")
    dist = tmp_path / "dist"
    dist.mkdir()
    for filename in ("foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz"):
        (dist / filename).write_bytes(build(filename, metadata=licensed, content=b"x" * 20_000).data)
    [release] = artifacts.find((), root=tmp_path, default=dist)
    found = plugins.load()
    assert checks.check([release], found) == []

    with UploadServer() as index, UploadServer() as store, Client(Transport(index.endpoint)) as client:
        session, _ = client.create_or_join("foo", "1.0")
        offering = msgspec.structs.replace(session, mechanisms=["vnd-acme-parts-v1", "http-post-bytes"])
        identifier, send = choose(offering, found.senders(pytest.fail))
        assert identifier == "vnd-acme-parts-v1"
        for artifact in release.artifacts:
            store.seen.clear()
            urls = [f"{store.origin}/part/{number}" for number in range(artifact.size // 8192 + 1)]
            store.script("PUT", "/part/", *[Reply(200)] * len(urls))
            told = {"identifier": identifier, "part-size": 8192, "part-urls": urls}
            file = client.create_file(session, artifact, identifier)
            send(client, msgspec.structs.replace(file, mechanism=told), artifact, lambda _: None)
            assert [seen.path for seen in store.seen] == [f"/part/{number}" for number in range(len(urls))]
            assert b"".join(seen.body for seen in store.seen) == artifact.path.read_bytes()


def test_every_hook_is_documented() -> None:
    hooks = {name for name in vars(plugins.Specification) if not name.startswith("_")}
    assert {span.partition("(")[0] for span in code(section(PLUGINS, "## Hooks")) if "(" in span} == hooks


def test_every_name_for_plugins_is_documented() -> None:
    documented = {re.split(r"[(.]", span)[0] for span in code(PLUGINS)}
    assert set(for_plugins.__all__) <= documented
    for kind in (Artifact, Release):
        assert {field.name for field in fields(kind)} <= documented
    assert {name for name in dir(Upload) if not name.startswith("_")} - {
        "send_bytes",
        "send_attestations",
    } <= documented
