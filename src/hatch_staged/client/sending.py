"""How the bytes of one file reach the index: mechanisms, which one is taken, and what they are given to do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from hatch_staged.client.answers import printable
from hatch_staged.client.artifacts import Artifact
from hatch_staged.client.attestations import as_array
from hatch_staged.client.progress import unheard
from hatch_staged.client.upload_api import Client
from hatch_staged.errors import ArtifactError, PluginError, ProtocolError, StagedError
from hatch_staged.protocol.mechanisms import HTTP_POST_BYTES, HttpPostBytes, http_post_bytes, negotiate
from hatch_staged.protocol.messages import FileUploadSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_staged.client.answers import Answer
    from hatch_staged.protocol.messages import Session

#: Sends the artifact as the file upload session says, its attestations too, and tells each number of bytes sent.
Sender = Callable[[Client, FileUploadSession, Artifact, Callable[[int], None]], None]

_CHUNK = 256 * 1024


class Upload:
    """One file that a mechanism sends, and the connections to do it."""

    def __init__(
        self, client: Client, mechanism: Mapping[str, object], artifact: Artifact, progress: Callable[[int], None]
    ) -> None:
        self._client = client
        self._progress = progress
        self._told = 0
        #: what is sent: `path`, `filename`, `size` and `hashes`
        self.artifact = artifact
        #: the ``mechanism`` map of the file upload session: what the index says of where and how
        self.mechanism = mechanism
        #: why the upload has to end, if somebody else wants it to
        self.interruption: BaseException | None = None

    def advanced(self, n_bytes: int) -> None:
        """Tell that `n_bytes` more of the file were sent; raises where the upload is to end because of another one."""
        try:
            self._told += n_bytes
            self._progress(n_bytes)
        except BaseException as error:
            self.interruption = error
            raise

    def pieces(self, start: int = 0, size: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of the file from `start` on, `size` of them, in small pieces, and tell the progress.

        Raises `ArtifactError` where the file is shorter than it was when it was hashed, or cannot be read.
        """
        path = self.artifact.path
        left = self.artifact.size - start if size is None else size
        try:
            with path.open("rb") as file:
                file.seek(start)
                while left:
                    piece = file.read(min(_CHUNK, left))
                    if not piece:
                        raise ArtifactError("the file changed while it was being staged", where=str(path))
                    left -= len(piece)
                    yield piece
                    self.advanced(len(piece))
        except OSError as error:
            raise ArtifactError(f"this cannot be read: {error.strerror}", where=str(path)) from error

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        content: bytes | Callable[[], Iterator[bytes]] | None = None,
        authorized: bool,
        idempotent: bool = False,
    ) -> Answer:
        """Make a request over the connections to the index, with its certificates and proxies; return the answer.

        `content` is bytes, or a function that begins to yield them anew for each attempt; with the latter, give a
        Content-Length.  If `authorized`, the credentials for the index go along, and `url` has to be one that the
        index named; a pre-signed URL gets none.  What is `idempotent` is repeated where the network or the server
        fails.  Raises a `StagedError` without an answer, and for one that is not successful.
        """
        before = self._told

        def anew() -> Iterator[bytes]:
            if self._told != before:
                self.advanced(before - self._told)
            return content()  # type: ignore[misc, operator] # it is callable, see below

        return self._client.execute(
            method,
            url,
            headers=headers,
            content=anew if callable(content) else content,
            authorized=authorized,
            idempotent=idempotent,
        )

    def send_bytes(self, target: HttpPostBytes) -> None:
        """Execute ``http-post-bytes``."""
        self._client.send_bytes(target, self.artifact, self.advanced)

    def send_attestations(self, url: str, attestations: bytes) -> None:
        """POST `attestations`, a JSON array, to `url`, which the index named."""
        self._client.send_attestations(url, attestations)


@dataclass(frozen=True)
class Mechanism:
    """A way to send a file: what a plugin can add."""

    #: as indexes name it: ``vnd-<operator>-<implementation>``
    identifier: str
    #: sends all bytes of one file; called from several threads at once
    send: Callable[[Upload], None]
    #: sends attestations, a JSON array, after the bytes; returns whether the index takes any.  None where that is
    #: not a part of the mechanism.
    attest: Callable[[Upload, bytes], bool] | None = None


def _target(upload: Upload) -> HttpPostBytes:
    try:
        return http_post_bytes(upload.mechanism)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"the index does not say where {HTTP_POST_BYTES} goes: {printable(str(error))}") from None


def _post(upload: Upload) -> None:
    upload.send_bytes(_target(upload))


def _post_attestations(upload: Upload, attestations: bytes) -> bool:
    url = _target(upload).attestations_url
    if url is None:
        return False
    upload.send_attestations(url, attestations)
    return True


POST_BYTES = Mechanism(HTTP_POST_BYTES, _post, _post_attestations)


@dataclass
class Execution:
    """A `Sender` by one mechanism; `provider` is the plugin that it is from."""

    mechanism: Mechanism
    provider: str
    notice: Callable[[str], None] = unheard
    _told: bool = False
    _lock: Lock = field(default_factory=Lock)

    def __call__(
        self, client: Client, file: FileUploadSession, artifact: Artifact, progress: Callable[[int], None]
    ) -> None:
        """Send `artifact` and its attestations; raise `PluginError` where the mechanism fails by its own fault."""
        upload = Upload(client, file.mechanism, artifact, progress)
        try:
            self.mechanism.send(upload)
            taken = self._attest(upload) if artifact.attestations else True
        except StagedError:
            raise
        except Exception as error:
            if upload.interruption is not None:
                raise upload.interruption from None
            raise PluginError(
                f"the plugin {self.provider} failed to send by {self.mechanism.identifier}: "
                f"{type(error).__name__}: {printable(str(error))}",
                hint="update or uninstall it, in the environment that Hatch is in",
            ) from error
        if not taken:
            self._tell_untaken()

    def _attest(self, upload: Upload) -> bool:
        attest = self.mechanism.attest
        return attest is not None and attest(upload, as_array(upload.artifact.attestations))

    def _tell_untaken(self) -> None:
        with self._lock:
            told, self._told = self._told, True
        if not told:
            self.notice("the index takes no attestations: those of the artifacts are not uploaded")


OURS = "hatch-staged"
by_http_post_bytes: Sender = Execution(POST_BYTES, OURS)
#: Without plugins.
SENDERS: Mapping[str, Sender] = MappingProxyType({HTTP_POST_BYTES: by_http_post_bytes})


def choose(session: Session, senders: Mapping[str, Sender] = SENDERS) -> tuple[str, Sender]:
    """Return the identifier and the sender of the mechanism that the index prefers among those of `senders`.

    Raises `ProtocolError` if there is none: ``http-post-bytes`` is one that "servers MUST support".
    """
    identifier = negotiate(session.mechanisms, senders)
    if identifier is None:
        offered, known = printable(", ".join(session.mechanisms)) or "none", ", ".join(sorted(senders))
        raise ProtocolError(f"no upload mechanism in common: the index has {offered}, we have {known}")
    return identifier, senders[identifier]
