"""The environment type `staged`: a virtual environment with the staged release in place of the checkout."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch.env.plugin.interface import Workspace
from hatch.env.utils import add_verbosity_flag
from hatch.env.virtual import VirtualEnvironment
from packaging.utils import canonicalize_name

from hatch_staged.hatch import context
from hatch_staged.hatch.collector import TYPE
from hatch_staged.hatch.context import IndexOptions
from hatch_staged.hatch.display import reporting
from hatch_staged.hatch.marker import Marker
from hatch_staged.hatch.unchanged import is_unchanged
from hatch_staged.stage import outline
from hatch_staged.stage.outline import KeptOutlines

# What looks and installs is imported where it runs: Hatch imports this module, too, where no environment is staged.

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hatch.dep.core import Dependency
    from hatch.env.plugin.interface import WorkspaceMember
    from hatch.project.sources import Source
    from packaging.utils import NormalizedName

    from hatch_staged.desk import Desk
    from hatch_staged.hatch.locking import Lock
    from hatch_staged.stage.model import StagedRelease
    from hatch_staged.stage.outline import Outline
    from hatch_staged.stage.use import Obtained, Standing


class StagedEnvironment(VirtualEnvironment):
    """Hatch's virtual environment, in a folder of its own, with nothing in it from a checkout that is staged.

    Hatch asks for `dependency_hash` at every run and calls `sync_dependencies` when it has changed, so both follow
    the stage file.  Every installation has the staged artifacts among its requirements, so that an installer cannot
    replace one for the sake of another dependency: it fails.  Where `skip-install` is set, the project is not among
    them, unless the environment names it as a dependency.
    """

    PLUGIN_NAME = TYPE

    def __init__(
        self, root: Path, metadata: object, name: str, config: dict[str, Any], *args: object, **kwargs: object
    ) -> None:
        # A configured path is that of the checkout's environment, which must stay as it is.
        if path := config.get("path"):
            config = {**config, "path": f"{path}-{TYPE}"}
        super().__init__(root, metadata, name, config, *args, **kwargs)

    @contextmanager
    def app_status_creation(self) -> Iterator[None]:
        """Say what is tested, or that it cannot be, before anything is created."""
        _ = self._told
        with super().app_status_creation():
            yield

    @contextmanager
    def app_status_project_installation(self) -> Iterator[None]:
        """Say what is installed; it is the checkout only if something else is staged."""
        if self._replaces_checkout:
            with self.app.status("Installing the staged release"):
                yield
        else:
            with super().app_status_project_installation():
                yield

    def install_project(self) -> None:
        """Install what is staged, and the checkout only if it is something else."""
        with self._without_secrets():
            self._install_staged()
            if not self._replaces_checkout:
                super().install_project()

    def install_project_dev_mode(self) -> None:
        """Install what is staged, and the checkout only if it is something else."""
        with self._without_secrets():
            self._install_staged()
            if not self._replaces_checkout:
                super().install_project_dev_mode()

    def dependency_hash(self) -> str:
        """Return a hash of the dependencies, of what is staged, and of whether that is installed."""
        _ = self._told
        ours = json.dumps([super().dependency_hash(), self._wanted, self._is_current], sort_keys=True)
        return sha256(ours.encode()).hexdigest()

    def dependencies_in_sync(self) -> bool:
        """Whether what is staged, and everything else, is installed."""
        return self._is_current and bool(super().dependencies_in_sync())

    def sync_dependencies(self) -> None:
        """Install what is staged, unless it is there, and everything else that is missing."""
        with self._without_secrets():
            if not self._is_current:
                self._install_staged()
            super().sync_dependencies()
        if not self._is_current:
            from hatch_staged.errors import StagedError  # noqa: PLC0415 - see above

            with reporting():
                raise StagedError(
                    "another dependency, or the way of installing it, took the staged release out of the environment",
                    where=str(self.virtual_env_path),
                    hint=f"see the dependencies of the environment `{self.name}`",
                )
        with reporting():
            self._marker.check_installed()

    def construct_pip_install_command(self, args: list[str]) -> list[str]:
        """Return the command that installs `args` together with what is staged."""
        return self._installing([*args, *self._requirements(self._obtained)])

    @cached_property
    def locked(self) -> bool:
        """Not for Hatch, which would lock what the checkout needs, and take out what is staged; see `_lock`."""
        return False

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Where dependencies come from: not those that are staged."""
        return {name: source for name, source in super().sources.items() if canonicalize_name(name) not in self._staged}

    @cached_property
    def workspace(self) -> Workspace:
        """The members of the workspace that come from checkouts: none that is staged."""
        workspace = super().workspace
        vars(workspace)["members"] = [m for m in self._members if canonicalize_name(m.name) not in self._staged]
        return workspace

    @cached_property
    def local_dependencies_complex(self) -> tuple[Dependency, ...]:
        """The projects that are installed from checkouts: none that is staged."""
        with self._as_for_the_rest():
            return tuple(super().local_dependencies_complex)

    @cached_property
    def project_dependencies_complex(self) -> tuple[Dependency, ...]:
        """The dependencies that checkouts add: not the project's own, where a staged release brings them along."""
        with self._as_for_the_rest():
            return tuple(super().project_dependencies_complex)

    @cached_property
    def dependencies_complex(self) -> tuple[Dependency, ...]:
        """The dependencies beside what is staged, before extras are looked up."""
        with self._as_for_the_rest():
            return tuple(super().dependencies_complex)

    @cached_property
    def all_dependencies_complex(self) -> tuple[Dependency, ...]:
        """The dependencies beside what is staged: an extra of what is staged is looked up there, not in a checkout."""
        with self._as_for_the_rest():
            return tuple(super().all_dependencies_complex)

    @contextmanager
    def _as_for_the_rest(self) -> Iterator[None]:
        """Let Hatch compute as without the project and without features, if a staged release takes its place."""
        if not self._replaces_checkout:
            yield
            return
        kept = {"skip_install": self.skip_install, "features": self.features}
        vars(self).update(skip_install=True, features=())
        try:
            yield
        finally:
            vars(self).update(kept)

    @cached_property
    def _desk(self) -> Desk:
        with reporting():
            return context.open_desk(self.app, IndexOptions())

    @cached_property
    def _kept(self) -> KeptOutlines:
        """What an earlier run has kept of the stage file, if that had the same contents."""
        with reporting():
            path = context.stage_file_of(self.app)
        text = b""
        with suppress(OSError):  # what is wrong with it is told where it is read in earnest
            text = path.read_bytes()
        return KeptOutlines(Path(self.virtual_env_path) / "hatch-staged-outlines.json", text)

    @cached_property
    def _kept_outlines(self) -> tuple[Outline, ...] | None:
        return self._kept.read()

    @cached_property
    def _stage_file(self) -> tuple[StagedRelease, ...]:
        with reporting():
            return self._desk.read(self._kept.text or None).releases

    @cached_property
    def _outlines(self) -> tuple[Outline, ...]:
        """What the stage file names."""
        if self._kept_outlines is not None:
            return self._kept_outlines
        return tuple(outline.of(release) for release in self._stage_file)

    @property
    def _staged(self) -> frozenset[NormalizedName]:
        """The projects that the stage file names."""
        return frozenset(release.project for release in self._outlines)

    @cached_property
    def _releases(self) -> tuple[Outline, ...]:
        """The releases that belong into this environment."""
        own = canonicalize_name(self.metadata.name)
        if self.skip_install and not any(
            canonicalize_name(d.name) == own for d in self.environment_dependencies_complex
        ):
            return tuple(release for release in self._outlines if release.project != own)
        return self._outlines

    @cached_property
    def _told(self) -> bool:
        """Whether it has been said what is tested: it is by the first look, which ends the run where nothing can be."""
        with reporting():
            if self._is_unchanged:
                now = datetime.now(timezone.utc)
                for release in self._releases:
                    self.app.display_info(f"{self.name}: {release.describe(now)}")
                return True
            from hatch_staged import holding  # noqa: PLC0415 - see above

            for standing in self._standings:
                self.app.display_info(f"{self.name}: {standing.describe(self._desk.now())}")
                # Even where all is installed: who tests must know that the bytes are no longer what was staged.
                self._marker.verify(standing.release, holding.cache_of(self._desk, standing.release))
            if self._is_current and all(release.shares_token for release in self._stage_file):
                self._kept.write(self._outlines)
        return True

    @property
    def _is_unchanged(self) -> bool:
        """Whether all is as it was when an earlier run had looked at everything."""
        if self._kept_outlines is None or not self._is_current:
            return False
        return is_unchanged(
            self._releases,
            self._kept,
            marker=self._marker,
            cache=context.cache_folder(self.app),
            now=datetime.now(timezone.utc),
        )

    @cached_property
    def _standings(self) -> tuple[Standing, ...]:
        """What has become of the releases that belong into this environment."""
        from hatch_staged import holding  # noqa: PLC0415 - see above

        here = {release.project for release in self._releases}
        releases = tuple(release for release in self._stage_file if release.project in here)
        with reporting():
            # Before anything is installed, the index is asked in any case.
            return holding.look(self._desk, releases, recent=self._is_current)

    @property
    def _replaces_checkout(self) -> bool:
        own = canonicalize_name(self.metadata.name)
        return any(release.project == own for release in self._releases)

    @cached_property
    def _lock(self) -> Lock | None:
        """The lock file that the environment is configured to follow, as Hatch 1.18 and newer know it."""
        known = hasattr(VirtualEnvironment, "locked")
        if not known or not self.config.get("locked", self.app.project.config.lock_envs):
            return None
        from hatch_staged.hatch.locking import Lock  # noqa: PLC0415 - see above

        return Lock(self)

    @property
    def _wanted(self) -> dict[str, object]:
        """What the marker of an environment with all that is staged says."""
        with reporting():
            lock = None if self._lock is None else self._lock.digest
        return {
            "releases": [f"{release.project} {release.digest}" for release in self._releases],
            "features": {release.project: self._features_of(release.project) for release in self._releases},
            "lock": lock,
        }

    @cached_property
    def _marker(self) -> Marker:
        return Marker(Path(self.virtual_env_path))

    @property
    def _is_current(self) -> bool:
        nothing_to_do = not self._releases and self._lock is None
        return nothing_to_do or self._marker.wanted == self._wanted

    @cached_property
    def _obtained(self) -> tuple[Obtained, ...]:
        """The artifacts for this environment's Python, verified and on this disk."""
        from hatch_staged import holding  # noqa: PLC0415 - see above
        from hatch_staged.stage import selection  # noqa: PLC0415 - see above

        if not self._standings:
            return ()
        with reporting(), self.safe_activation():
            interpreter = selection.probe(self.platform.modules.shutil.which("python"))
            return tuple(holding.obtain(self._desk, standing, interpreter) for standing in self._standings)

    def _requirements(self, obtained: Iterable[Obtained]) -> list[str]:
        from hatch_staged.stage.installation import requirement  # noqa: PLC0415 - see above

        return [
            requirement(one.path, one.project, self._features_of(one.project), sha256=one.artifact.sha256)
            for one in obtained
        ]

    def _install_staged(self) -> None:
        obtained = self._obtained
        with reporting(), self.safe_activation():
            if self._marker.begin() and obtained:
                # An installer would take the same version for the same bytes.
                self.platform.check_command(self._uninstall_command([one.project for one in obtained]))
            if self._lock is not None:
                self._lock.apply()
            if obtained:
                self.platform.check_command(self.construct_pip_install_command(self._sources))
            if others := self._marker.missing(obtained):
                # It did so with what there is from elsewhere: from a command before, or outside of the environment.
                anew = ["--force-reinstall", "--no-deps", *self._requirements(others)]
                self.platform.check_command(self._installing(anew))
            self._marker.finish(self._wanted, obtained)
            for one in obtained:
                # an installer is content, and as quiet as Hatch makes it
                for feature in sorted(
                    {canonicalize_name(f) for f in self._features_of(one.project)} - self._marker.extras(one)
                ):
                    self.app.display_warning(f"{self.name}: the staged {one.project} has no feature `{feature}`")
        # Hatch's view of what is installed is from before.
        for name in ("distributions", "missing_dependencies"):
            vars(self).pop(name, None)

    @contextmanager
    def _without_secrets(self) -> Iterator[None]:
        """Keep variables with a session token from installers, which show the URLs of the indexes that they use.

        What installers build, they build with what is staged.
        """
        from hatch_staged.stage import installers, session_tokens  # noqa: PLC0415 - see above
        from hatch_staged.stage.installation import requirement  # noqa: PLC0415 - see above

        tokens = session_tokens.known(self._stage_file)
        before = dict(os.environ)
        variables = installers.variables(before, tokens)
        if self._obtained:
            constraints = Path(self.virtual_env_path) / "hatch-staged-builds.txt"
            lines = [requirement(one.path, one.project, sha256=one.artifact.sha256) for one in self._obtained]
            constraints.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            variables = installers.constraining_builds(variables, constraints)
        os.environ.clear()
        os.environ.update(variables)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def _installing(self, args: Iterable[str]) -> list[str]:
        constraints = [] if self._lock is None else self._lock.constraints(self._staged)
        return list(super().construct_pip_install_command([*args, *constraints]))

    @property
    def _sources(self) -> list[str]:
        # Hatch has `sources` since 1.18.
        if not hasattr(self, "get_source_install_args"):
            return []
        return list(self.get_source_install_args(self.all_dependencies_complex))

    @cached_property
    def _members(self) -> Sequence[WorkspaceMember]:
        """All members of the workspace."""
        return tuple(Workspace(self, self.config.get("workspace", {})).members)

    def _features_of(self, project: str) -> list[str]:
        """Return the features of `project` that the environment is configured to have."""
        if project == canonicalize_name(self.metadata.name):
            return list(self.features)
        return [feature for m in self._members if canonicalize_name(m.name) == project for feature in m.features]

    def _uninstall_command(self, projects: Iterable[str]) -> list[str]:
        command = (
            [self.uv_path, "pip", "uninstall"] if self.use_uv else ["python", "-u", "-m", "pip", "uninstall", "-y"]
        )
        # as quiet as Hatch makes an installation
        add_verbosity_flag(command, self.verbosity, adjustment=-1)
        return [*command, *projects]
