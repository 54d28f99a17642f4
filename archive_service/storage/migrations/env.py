"""Runs migrations on the connection that the caller opened, inside its transaction."""

from alembic import context

from archive_service.storage.register.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
