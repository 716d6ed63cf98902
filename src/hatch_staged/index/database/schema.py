"""The tables.  `migrations` creates and upgrades them; a test holds that both agree."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

from hatch_staged.protocol.states import FileState, SessionState

if TYPE_CHECKING:
    import enum

    from sqlalchemy import Dialect


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time; SQLite keeps no time zone, so all are UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 its signature
        """Return `value` as UTC without a zone."""
        return None if value is None else value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 its signature
        """Return `value` with the zone UTC."""
        return None if value is None else value.replace(tzinfo=timezone.utc)


def _states(states: type[enum.Enum]) -> Enum:
    return Enum(states, native_enum=False, length=16, values_callable=lambda kind: [state.value for state in kind])


metadata = MetaData()

projects = Table(
    "projects",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("registered_at", UtcDateTime),
)

# Whom a project's owner, or the operator, has let in.
members = Table(
    "members",
    metadata,
    Column("project", ForeignKey("projects.name"), primary_key=True),
    Column("user", Text, primary_key=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("token", Text, nullable=False, unique=True),
    Column("project", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("version_key", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("state", _states(SessionState), nullable=False),
    Column("expired", Boolean, nullable=False),
    # Why the last deferred publication failed; a list of sentences.
    Column("notices", JSON, nullable=False),
    # The id of the token that asked for publication: whether it still may is asked again when that is carried out.
    Column("publishing_token", Text),
    # When the session reached a terminal state; its retention counts from then.
    Column("ended_at", UtcDateTime),
)

#: The condition of "non-terminal": as a text, because SQLite takes a partial index for its very words only.
LIVE = text("state NOT IN ('published', 'canceled')")
# "If a second attempt to create a session is received for the same name-version pair while an existing session for
# that pair is in a non-terminal state [...] then a new session is not created."
Index(
    "one_live_session",
    sessions.c.project,
    sessions.c.version_key,
    unique=True,
    sqlite_where=LIVE,
    postgresql_where=LIVE,
)
Index("live_sessions_by_expiry", sessions.c.expires_at, sqlite_where=LIVE, postgresql_where=LIVE)
#: The condition of what the worker has to do, of sessions and of files.
IN_PROCESSING = text("state = 'processing'")
Index("sessions_in_processing", sessions.c.id, sqlite_where=IN_PROCESSING, postgresql_where=IN_PROCESSING)

files = Table(
    "files",
    metadata,
    Column("id", Text, primary_key=True),
    # None for a file that came through the legacy API, and once a published file's session is forgotten.
    Column("session_id", ForeignKey("sessions.id"), index=True),
    Column("filename", Text, nullable=False),
    # What all spellings of the file name have in common, see `Distribution.key`.
    Column("name_key", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("hashes", JSON, nullable=False),
    Column("state", _states(FileState), nullable=False),
    Column("notice", Text, nullable=False),
    # The bytes that arrived, if any; a canceled file has none.
    Column("object_key", Text, unique=True),
    Column("received_size", BigInteger),
    Column("received_hashes", JSON),
    # What completion found out.
    Column("completed_at", UtcDateTime),
    Column("requires_python", Text),
    Column("metadata_sha256", String(64)),
    # Whether there is a row in `attestations`, so that listing files does not read that table.
    Column("attested", Boolean, nullable=False),
)
Index("files_in_processing", files.c.id, sqlite_where=IN_PROCESSING, postgresql_where=IN_PROCESSING)

_PRESENT = text("state <> 'canceled'")
Index(
    "one_file_of_a_name",
    files.c.session_id,
    files.c.name_key,
    unique=True,
    sqlite_where=_PRESENT,
    postgresql_where=_PRESENT,
)

# Apart from `files`, so that listing files does not read it.
core_metadata = Table(
    "core_metadata",
    metadata,
    Column("file_id", ForeignKey("files.id"), primary_key=True),
    Column("raw", LargeBinary, nullable=False),
)

# The PEP 740 attestations of a file: a JSON array, as it was sent.
attestations = Table(
    "attestations",
    metadata,
    Column("file_id", ForeignKey("files.id"), primary_key=True),
    Column("raw", LargeBinary, nullable=False),
)

# "the index MUST guarantee that it never publishes two files with the same name for the same release"; a file name
# says its release, so that the name alone is the key.  Two names that installers take for one have one `name_key`.
published_files = Table(
    "published_files",
    metadata,
    Column("filename", Text, primary_key=True),
    Column("name_key", Text, nullable=False, unique=True),
    Column("project", ForeignKey("projects.name"), nullable=False, index=True),
    Column("version", Text, nullable=False),
    Column("file_id", ForeignKey("files.id"), nullable=False, unique=True),
    # None while the name is only reserved for a publication that is being processed: "any other attempt to upload a
    # file with one of those filenames [...] MUST be rejected", and nobody sees the file.
    Column("published_at", UtcDateTime),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("user", Text, nullable=False),
    Column("permissions", JSON, nullable=False),
    Column("projects", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
)
