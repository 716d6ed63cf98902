"""The environment type `staged`: a virtual environment with the staged release in place of the checkout."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch.env.utils import add_verbosity_flag
from hatch.env.virtual import VirtualEnvironment
from packaging.utils import canonicalize_name

from hatch_staged import holding
from hatch_staged.errors import StagedError
from hatch_staged.hatch import context
from hatch_staged.hatch.collector import TYPE
from hatch_staged.hatch.context import IndexOptions
from hatch_staged.hatch.display import reporting
from hatch_staged.hatch.marker import Marker
from hatch_staged.stage import selection
from hatch_staged.stage.installation import requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatch.dep.core import Dependency

    from hatch_staged.desk import Desk
    from hatch_staged.stage.use import Obtained, Standing


class StagedEnvironment(VirtualEnvironment):
    """Hatch's virtual environment, in a folder of its own, with nothing in it from a checkout that is staged.

    Hatch asks for `dependency_hash` at every run and calls `sync_dependencies` when it has changed, so both follow
    the stage file.  Every installation has the staged artifacts among its requirements, so that an installer cannot
    replace one for the sake of another dependency: it fails.  Where `skip-install` is set nothing staged is installed.
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
        _ = self._standings
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
        self._install_staged()
        if not self._replaces_checkout:
            super().install_project()

    def install_project_dev_mode(self) -> None:
        """Install what is staged, and the checkout only if it is something else."""
        self._install_staged()
        if not self._replaces_checkout:
            super().install_project_dev_mode()

    def dependency_hash(self) -> str:
        """Return a hash of the dependencies, of what is staged, and of whether that is installed."""
        ours = json.dumps([super().dependency_hash(), self._wanted, self._is_current], sort_keys=True)
        return sha256(ours.encode()).hexdigest()

    def dependencies_in_sync(self) -> bool:
        """Whether what is staged, and everything else, is installed."""
        return self._is_current and bool(super().dependencies_in_sync())

    def sync_dependencies(self) -> None:
        """Install what is staged, unless it is there, and everything else that is missing."""
        if not self._is_current:
            self._install_staged()
        super().sync_dependencies()
        if not self._is_current:
            with reporting():
                raise StagedError(
                    "another dependency, or the way of installing it, took the staged release out of the environment",
                    where=str(self.virtual_env_path),
                    hint=f"see the dependencies of the environment `{self.name}`",
                )

    def construct_pip_install_command(self, args: list[str]) -> list[str]:
        """Return the command that installs `args` together with what is staged."""
        return list(super().construct_pip_install_command([*args, *self._requirements]))

    @cached_property
    def local_dependencies_complex(self) -> tuple[Dependency, ...]:
        """The projects that are installed from checkouts: none that is staged."""
        staged = {standing.release.project for standing in self._standings}
        return tuple(d for d in super().local_dependencies_complex if canonicalize_name(d.name) not in staged)

    @cached_property
    def project_dependencies_complex(self) -> tuple[Dependency, ...]:
        """The dependencies that the checkout adds: not the project's own, which the staged release brings along."""
        if not self._replaces_checkout:
            return tuple(super().project_dependencies_complex)
        # As Hatch computes them for an environment without the project and without features.
        kept = {"skip_install": self.skip_install, "features": self.features}
        vars(self).update(skip_install=True, features=())
        try:
            return tuple(super().project_dependencies_complex)
        finally:
            vars(self).update(kept)

    @cached_property
    def _desk(self) -> Desk:
        with reporting():
            return context.open_desk(self.app, IndexOptions())

    @cached_property
    def _standings(self) -> tuple[Standing, ...]:
        """What has become of the releases in the stage file; the first look says what is tested."""
        if self.skip_install:
            return ()
        with reporting():
            standings = holding.look(self._desk)
            for standing in standings:
                self.app.display_info(f"{self.name}: {standing.describe(self._desk.now())}")
                # Even where all is installed: who tests must know that the bytes are no longer what was staged.
                self._marker.verify(standing.release, holding.cache_of(self._desk, standing.release))
        return standings

    @property
    def _replaces_checkout(self) -> bool:
        return any(standing.release.project == canonicalize_name(self.metadata.name) for standing in self._standings)

    @property
    def _wanted(self) -> dict[str, list[str]]:
        """What the marker of an environment with all that is staged says."""
        return {
            "releases": [f"{standing.release.project} {standing.release.digest}" for standing in self._standings],
            "features": list(self.features),
        }

    @property
    def _marker(self) -> Marker:
        return Marker(Path(self.virtual_env_path))

    @property
    def _is_current(self) -> bool:
        return self._marker.wanted == self._wanted

    @cached_property
    def _obtained(self) -> tuple[Obtained, ...]:
        """The artifacts for this environment's Python, verified and on this disk."""
        if not self._standings:
            return ()
        with reporting(), self.safe_activation():
            interpreter = selection.probe(self.platform.modules.shutil.which("python"))
            return tuple(holding.obtain(self._desk, standing, interpreter) for standing in self._standings)

    @property
    def _requirements(self) -> list[str]:
        return [requirement(one.path, one.project, self._features_of(one.project)) for one in self._obtained]

    def _install_staged(self) -> None:
        obtained = self._obtained
        with reporting(), self.safe_activation():
            if self._marker.begin():
                # An installer would take the same version for the same bytes.
                self.platform.check_command(self._uninstall_command([one.project for one in obtained]))
            self.platform.check_command(self.construct_pip_install_command(self._sources))
            self._marker.finish(self._wanted, obtained)
        # Hatch's view of what is installed is from before.
        for name in ("distributions", "missing_dependencies"):
            vars(self).pop(name, None)

    @property
    def _sources(self) -> list[str]:
        # Hatch has `sources` since 1.18.
        if not hasattr(self, "get_source_install_args"):
            return []
        return list(self.get_source_install_args(self.all_dependencies_complex))

    def _features_of(self, project: str) -> tuple[str, ...]:
        return tuple(self.features) if project == canonicalize_name(self.metadata.name) else ()

    def _uninstall_command(self, projects: Iterable[str]) -> list[str]:
        command = (
            [self.uv_path, "pip", "uninstall"] if self.use_uv else ["python", "-u", "-m", "pip", "uninstall", "-y"]
        )
        # as quiet as Hatch makes an installation
        add_verbosity_flag(command, self.verbosity, adjustment=-1)
        return [*command, *projects]
