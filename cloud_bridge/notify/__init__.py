"""Telling people and programs: an outbox in the database, and what carries its messages away.

Whoever has something to say enqueues it in the transaction that makes it true (`outbox.enqueue`, `outbox.announce`);
delivery, retries and the log are done here.
"""
