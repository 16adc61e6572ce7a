"""What the bridge remembers: tables, writing (idempotent by id), queries, users."""
