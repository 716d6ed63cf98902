"""Every request and response body of PEP 694, with the PEP's sentence beside each field.

Unknown keys are ignored, as the versioning of the API wants it.  `decode` raises `msgspec.ValidationError` (or
`msgspec.DecodeError` where the bytes are no JSON); `encode` writes strict JSON.  Times are UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from hatch_staged.protocol.states import FileState, SessionState
from hatch_staged.protocol.times import in_utc

#: "all non-file-upload requests defined in this PEP MUST include a Content-Type header value of"
CONTENT_TYPE = "application/vnd.pypi.upload.v2+json"
#: The API of this PEP "has the version number 2.0"; the string, not the number.
API_VERSION: Literal["2.0"] = "2.0"

#: "MUST represent a UTC timestamp using the 'Zulu' (i.e. Z) marker, and use only whole seconds"
Timestamp = Annotated[datetime, msgspec.Meta(tz=True)]


class _Message(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", omit_defaults=True):
    """What all bodies share: immutable values, kebab-case keys, optional keys left out."""


class Meta(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """What "describes information about the payload itself"."""

    #: "the only required sub-key is ``api-version`` the value of which must be the string "2.0""
    api_version: Literal["2.0"]


#: what all our bodies say; without a default in `Meta`, so that a body of somebody else's has to say it too
META = Meta(api_version=API_VERSION)


class _Body(_Message, frozen=True, kw_only=True):
    meta: Meta


class Action(_Body, frozen=True, kw_only=True):
    """The request that completes a file upload session or publishes a publishing session."""


class CreateSession(_Body, frozen=True, kw_only=True):
    """The POST to the root URL, see "Create a Publishing Session"."""

    #: "The name of the project that this session is attempting to release a new version of."
    name: str
    #: "The version of the project that this session is attempting to add files to."
    version: str


class Extend(_Body, frozen=True, kw_only=True):
    """The request of "Publishing Session Extension" and "File Upload Session Extension"."""

    #: "just a suggestion to the server for the number of additional seconds to extend the current session"
    extend_for: Annotated[int, msgspec.Meta(gt=0)]


class SessionLinks(_Message, frozen=True, kw_only=True):
    """The URLs of a publishing session, see "Publishing Session Links"."""

    #: GET the session status, or DELETE to cancel the session
    session: str
    #: POST to create a file upload session
    upload: str
    #: POST to publish the session
    publish: str
    #: "If the server does not support session extensions, this key MUST be omitted."
    extend: str | None = None
    #: "If the index does not support previewing staged releases, this key MUST be omitted."
    stage: str | None = None


class SessionFile(_Message, frozen=True, kw_only=True):
    """One value of the ``files`` mapping; "``canceled`` never appears here"."""

    status: FileState
    #: "The absolute URL that the client should use to reference this specific file."
    link: str
    #: "these notices are specific to the referenced file"
    notices: tuple[str, ...] = ()


class Session(_Body, frozen=True, kw_only=True):
    """The status of a publishing session: the answer to its creation, its GET and its extension."""

    links: SessionLinks
    #: "sorted in server-preferred order.  At least one value is required."
    mechanisms: tuple[str, ...]
    #: "If the index does not support stage previewing, this key MUST be omitted."
    session_token: str | None = None
    #: "when the server will expire this session, and thus all of its content"
    expires_at: Timestamp
    status: SessionState
    #: "the filenames that have been uploaded to this session, to a mapping containing details about each"
    files: dict[str, SessionFile]
    #: "human-readable informational notices that the server wishes to communicate to the end user"
    notices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        in_utc(self.expires_at)


class CreateFile(_Body, frozen=True, kw_only=True):
    """The POST to ``links.upload``, see "Create a File Upload Session"."""

    filename: str
    #: "The final total size in bytes of the file being uploaded."
    size: Annotated[int, msgspec.Meta(ge=0)]
    #: "A mapping of hash names to hex-encoded digests."
    hashes: dict[str, str]
    #: "The file-upload mechanisms the client intends to use for this file."
    mechanism: str


class FileLinks(_Message, frozen=True, kw_only=True):
    """The URLs of a file upload session, see "File Upload Session Links"."""

    #: GET the status, or DELETE to cancel or delete
    file_upload_session: str
    #: POST to complete
    complete: str
    #: "If the server does not support file upload session extensions, this key MUST be omitted."
    extend: str | None = None


class FileUploadSession(_Body, frozen=True, kw_only=True):
    """The status of a file upload session: the answer to its creation, its GET and its extension."""

    links: FileLinks
    status: FileState
    expires_at: Timestamp
    #: "MUST contain a key ``identifier`` which maps to the identifier string for the chosen mechanism"
    mechanism: dict[str, Any]

    def __post_init__(self) -> None:
        in_utc(self.expires_at)


_Decoded = TypeVar("_Decoded", bound=msgspec.Struct)


def encode(message: msgspec.Struct) -> bytes:
    """Return `message` as strict JSON in UTF-8; times with the ``Z`` marker and whole seconds."""
    return msgspec.json.encode(_whole_seconds(message))


def decode(body: bytes, kind: type[_Decoded]) -> _Decoded:
    """Return the message of type `kind` in `body`; raise `msgspec.DecodeError` if it holds none."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (UnicodeDecodeError, RecursionError) as error:
        # msgspec's own way to say that a body is no JSON, or nested too deep
        raise msgspec.DecodeError(str(error)) from None


def _whole_seconds(message: msgspec.Struct) -> msgspec.Struct:
    expires_at = getattr(message, "expires_at", None)
    if not isinstance(expires_at, datetime):
        return message
    whole = in_utc(expires_at).replace(microsecond=0)
    return msgspec.structs.replace(message, expires_at=whole)
