"""How the bytes of one file reach the index: the mechanisms that we know, by their identifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from hatch_staged.client.answers import printable
from hatch_staged.client.artifacts import Artifact
from hatch_staged.client.upload_api import Client
from hatch_staged.errors import ProtocolError
from hatch_staged.protocol.mechanisms import HTTP_POST_BYTES, http_post_bytes, negotiate
from hatch_staged.protocol.messages import FileUploadSession

if TYPE_CHECKING:
    from hatch_staged.protocol.messages import Session

#: Executes a mechanism: sends the artifact as the file upload session says, and tells each number of bytes sent.
Sender = Callable[[Client, FileUploadSession, Artifact, Callable[[int], None]], None]


def by_http_post_bytes(
    client: Client, file: FileUploadSession, artifact: Artifact, progress: Callable[[int], None]
) -> None:
    """Send `artifact` in one POST; raise `ProtocolError` if the index did not say where to."""
    try:
        mechanism = http_post_bytes(file.mechanism)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"the index does not say where {HTTP_POST_BYTES} goes: {printable(str(error))}") from None
    client.send_bytes(mechanism, artifact, progress)


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
