"""The background work of removing persons: one request after another, a bounded piece at a time."""

from __future__ import annotations

import logging

from cloud_bridge.blobs import BlobError, Blobs
from cloud_bridge.retention import persons
from cloud_bridge.retention.clients import remove_client
from cloud_bridge.retention.employees import find_late, remove_employee
from cloud_bridge.retention.persons import PersonKind
from cloud_bridge.store.engine import Store

log = logging.getLogger(__name__)

PERIOD_S = 15.0
LATE_PERIOD_S = 900.0


def remove_persons(store: Store, blobs: Blobs, now_ns: int) -> bool:
    """A piece of the oldest open request that does not wait for a legal hold; whether there was one."""
    with store.read() as connection:
        waiting = persons.open_requests(connection)
    for person in waiting:
        try:
            if person.kind is PersonKind.EMPLOYEE:
                done = remove_employee(store, person, now_ns)
            else:
                done = remove_client(store, blobs, person, now_ns)
        except BlobError as error:
            log.warning("the removal of a person waits: %s", error)
            continue
        if done:
            return True
    return False


def look_for_late(store: Store) -> bool:
    """Take up again whom late messages have named; nothing more waits here."""
    find_late(store)
    return False
