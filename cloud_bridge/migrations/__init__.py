"""Alembic's migrations of the bridge's database; run by `earshot bridge migrate`."""
