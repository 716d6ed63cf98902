"""What alembic runs to migrate: within the transaction that `hatch_staged.index.database.engine` has begun."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
