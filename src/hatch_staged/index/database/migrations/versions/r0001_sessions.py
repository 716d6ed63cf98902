"""Publishing sessions, their files, what is published, and tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001a"
down_revision = None

_LIVE = sa.text("state NOT IN ('published', 'canceled')")
_PRESENT = sa.text("state <> 'canceled'")
_IN_PROCESSING = sa.text("state = 'processing'")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "projects",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("registered_at", sa.DateTime),
    )
    op.create_table(
        "members",
        sa.Column("project", sa.Text, sa.ForeignKey("projects.name"), primary_key=True),
        sa.Column("user", sa.Text, primary_key=True),
    )
    _create_sessions()
    _create_files()
    op.create_table(
        "published_files",
        sa.Column("filename", sa.Text, primary_key=True),
        sa.Column("name_key", sa.Text, nullable=False, unique=True),
        sa.Column("project", sa.Text, sa.ForeignKey("projects.name"), nullable=False, index=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("file_id", sa.Text, sa.ForeignKey("files.id"), nullable=False, unique=True),
        sa.Column("published_at", sa.DateTime),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("permissions", sa.JSON, nullable=False),
        sa.Column("projects", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("revoked_at", sa.DateTime),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("token", sa.Text, nullable=False, unique=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("version_key", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("expired", sa.Boolean, nullable=False),
        sa.Column("notices", sa.JSON, nullable=False),
        sa.Column("publishing_token", sa.Text),
        sa.Column("ended_at", sa.DateTime),
    )
    op.create_index(
        "one_live_session",
        "sessions",
        ["project", "version_key"],
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )
    op.create_index("live_sessions_by_expiry", "sessions", ["expires_at"], sqlite_where=_LIVE, postgresql_where=_LIVE)
    op.create_index(
        "sessions_in_processing", "sessions", ["id"], sqlite_where=_IN_PROCESSING, postgresql_where=_IN_PROCESSING
    )


def _create_files() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("session_id", sa.Text, sa.ForeignKey("sessions.id"), index=True),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("hashes", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("notice", sa.Text, nullable=False),
        sa.Column("object_key", sa.Text, unique=True),
        sa.Column("received_size", sa.BigInteger),
        sa.Column("received_hashes", sa.JSON),
        sa.Column("completed_at", sa.DateTime),
        sa.Column("requires_python", sa.Text),
        sa.Column("metadata_sha256", sa.String(64)),
        sa.Column("attested", sa.Boolean, nullable=False),
    )
    op.create_index(
        "files_in_processing", "files", ["id"], sqlite_where=_IN_PROCESSING, postgresql_where=_IN_PROCESSING
    )
    op.create_index(
        "one_file_of_a_name",
        "files",
        ["session_id", "name_key"],
        unique=True,
        sqlite_where=_PRESENT,
        postgresql_where=_PRESENT,
    )
    op.create_table(
        "core_metadata",
        sa.Column("file_id", sa.Text, sa.ForeignKey("files.id"), primary_key=True),
        sa.Column("raw", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "attestations",
        sa.Column("file_id", sa.Text, sa.ForeignKey("files.id"), primary_key=True),
        sa.Column("raw", sa.LargeBinary, nullable=False),
    )
