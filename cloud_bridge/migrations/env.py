"""Alembic's entry: runs the migrations on the connection that `cloud_bridge.store.migrate` hands over."""

from alembic import context

from cloud_bridge.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes a table only by copying it.
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
