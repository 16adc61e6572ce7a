"""Who may do what and where: one table, one question. No database, no page."""
