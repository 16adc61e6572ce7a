"""Takes what boxes report of updates into the rows of their offers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from cloud_bridge.ingest.batch import Batch
from cloud_bridge.ingest.parse import EventItem
from cloud_bridge.store.tables_update import update_offer
from edge.wire import UpdateData


def write(batch: Batch, fresh: Sequence[EventItem]) -> None:
    """Apply new reports; the one with the highest number of a box's series holds, whatever came first.

    A report of an offer that this bridge did not make stays an event and no more; so does one of another box's offer.
    """
    found = [(item.event, item.event.data) for item in fresh if isinstance(item.event.data, UpdateData)]
    for event, data in sorted(found, key=lambda pair: (pair[0].series, pair[0].seq)):
        mine = (
            (update_offer.c.id == data.offer) & (update_offer.c.site == event.site) & (update_offer.c.box == event.box)
        )
        known = batch.connection.execute(
            select(update_offer.c.series, update_offer.c.seq).where(mine).with_for_update()
        ).first()
        if known is None or (known.series is not None and (event.series, event.seq) <= (known.series, known.seq)):
            continue
        batch.connection.execute(
            update(update_offer)
            .where(mine)
            .values(
                state=str(data.state),
                series=event.series,
                seq=event.seq,
                percent=data.percent,
                reason=data.reason,
                slot=data.slot,
                before=data.before,
                changed_ns=batch.now_ns,
            )
        )
