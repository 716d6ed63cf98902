"""The embedded index on this machine: started when it is needed, on a port that it keeps, with a token of its own.

What looks for it and starts it is imported where it does: a run in a staged environment may have no need of it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from hatch_staged.errors import ConfigurationError, StagedError
from hatch_staged.redaction import without_secrets
from hatch_staged.stage import private_files

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"
#: The port that a new index asks for; it keeps whichever it got.
DEFAULT_PORT = 8694
#: An index that we started stops after so many seconds without a request; it is started again when needed.
IDLE_SECONDS = 15 * 60
#: How long a start may take (seconds): a cold Python on a slow disk.
START_SECONDS = 60
USER = "local"


@dataclass(frozen=True)
class LocalIndex:
    """The index whose data lies in `folder`; nothing exists before the first `start`.

    A new one asks for `default_port`, and takes any other if that is not free.  A start may take `patience` seconds.
    """

    folder: Path
    default_port: int = DEFAULT_PORT
    patience: float = START_SECONDS

    @property
    def url(self) -> str | None:
        """Its Upload 2.0 root endpoint, or None if it has never been started."""
        port = self._kept_port()
        return None if port is None else f"http://{HOST}:{port}/upload/"

    def has(self, url: str) -> bool:
        """Whether `url` is its root endpoint: nobody else listens on the port that it keeps."""
        kept = self._kept_port()
        return kept is not None and url == self.url and (self._running() is not None or _is_free(kept))

    def start(self) -> str:
        """Start the index unless it runs, and return its root endpoint.

        Raises `ConfigurationError` where the index is not installed, and `StagedError` where it does not start.
        """
        from filelock import FileLock  # noqa: PLC0415 - see above

        require_index(otherwise=", or name another with --repo")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(self.folder / "start.lock"):
            return self._running() or self._launch()

    def token(self) -> str:
        """Return the secret that uploads to this index need, made at its first start."""
        from filelock import FileLock  # noqa: PLC0415 - see above

        kept = self.folder / "token"
        with FileLock(self.folder / "token.lock"):
            if not kept.exists():
                private_files.write(kept, self._make_token(), "its token")
            return kept.read_text(encoding="ascii")

    def _make_token(self) -> str:
        from hatch_staged.index import tokens  # noqa: PLC0415 - the extra `index` may be missing
        from hatch_staged.index.core import open_index  # noqa: PLC0415 - likewise

        with closing(open_index(self.folder)) as index:
            return tokens.create(index, user=USER)

    def _launch(self) -> str:
        kept = self._kept_port()
        port = kept if kept is not None else self.default_port if _is_free(self.default_port) else 0
        log = self.folder / "serve.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "hatch_staged", "serve", "--data-dir", str(self.folder)),
                    *("--host", HOST, "--port", str(port), "--idle-timeout", str(IDLE_SECONDS)),
                ],
                # Not the project's folder, from which Python would import first; and nobody's credentials.
                cwd=self.folder,
                env=without_secrets(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **_detached(),
            )
        deadline = time.monotonic() + self.patience
        while process.poll() is None and time.monotonic() < deadline:
            url = self._running()
            if url is not None:
                private_files.write(self.folder / "port", url.split(":")[2].partition("/")[0], "its port")
                return url
            time.sleep(0.05)
        process.kill()
        process.wait()
        complaint = log.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
        raise StagedError(
            f"the local index did not start: {complaint or 'it said nothing'}",
            where=str(log),
            hint=f"free the port, or remove {self.folder / 'port'} to let it take another",
        )

    def _running(self) -> str | None:
        from hatch_staged.index import presence  # noqa: PLC0415 - see above

        running = presence.running(self.folder)
        return None if running is None else f"{running.url}upload/"

    def _kept_port(self) -> int | None:
        kept = self.folder / "port"
        try:
            return int(kept.read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        except ValueError:
            raise ConfigurationError("there is no number of a port in it", where=str(kept), hint="remove it") from None


def require_index(*, otherwise: str = "") -> None:
    """Raise `ConfigurationError` where the extra `index` is not installed; `otherwise` is what else there is to do."""
    if any(find_spec(name) is None for name in ("obstore", "sqlalchemy", "starlette", "uvicorn")):
        hint = f"pip install 'hatch-staged[index]'{otherwise}"
        raise ConfigurationError("the index is not installed here", hint=hint)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


if sys.platform == "win32":

    def _detached() -> dict[str, Any]:
        return {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}

else:

    def _detached() -> dict[str, Any]:
        return {"start_new_session": True}
