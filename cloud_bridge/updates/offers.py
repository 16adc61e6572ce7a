"""Releases and offers as rows, each function one transaction."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from hmac import compare_digest
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Connection, RowMapping, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from cloud_bridge.blobs import Blobs
from cloud_bridge.store import tables as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.tables_update import release, update_offer
from edge.wire import BUNDLE_BYTES_MAX, UpdateState

MADE, WITHDRAWN = "made", "withdrawn"
ENDED = (WITHDRAWN, str(UpdateState.GOOD), str(UpdateState.ROLLED_BACK), str(UpdateState.FAILED))
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){1,3}")
_ROWS_MAX = 500


class UpdateError(ValueError):
    """What was asked for cannot be done; the message says why and what to do instead."""


class ReleaseRow(Struct, frozen=True, kw_only=True):
    """A bundle in the blob store."""

    sha256: str
    version: str
    bytes: int
    blob: str
    added_ns: int
    added_by: str


class OfferRow(Struct, frozen=True, kw_only=True):
    """An offer with the release's version; `percent` and what follows are the box's own words."""

    id: str
    site: str
    box: str
    sha256: str
    version: str
    bytes: int
    blob: str
    forced: bool
    token: str
    base_url: str
    made_ns: int
    made_by: str
    sent_ns: int | None
    sent_times: int
    state: str
    percent: int | None
    reason: str | None
    slot: str | None
    before: str | None
    changed_ns: int

    @property
    def is_open(self) -> bool:
        """Whether something may still come of it."""
        return self.state not in ENDED

    @property
    def url(self) -> str:
        """Where the box gets the bundle."""
        return f"{self.base_url.rstrip('/')}/updates/{self.id}/{self.token}/bundle.raucb"


def add_release(store: Store, blobs: Blobs, path: Path, version: str, by: str, now_ns: int) -> ReleaseRow:
    """Take a bundle into the blob store; the same file again changes nothing.

    The bridge does not judge signatures, boxes do. Raises `UpdateError` for a version or a file that no box takes.
    """
    if not _VERSION.fullmatch(version):
        raise UpdateError(f"version {version!r} is not 2 to 4 numbers and dots, such as 1.4 or 1.4.2")
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
    except OSError as error:
        raise UpdateError(f"{path} cannot be read: {error}") from error
    if not 0 < size <= BUNDLE_BYTES_MAX:
        raise UpdateError(f"{path} has {size} bytes; a bundle has 1 to {BUNDLE_BYTES_MAX}")
    known = find_release(store, digest)
    if known is not None and known.version != version:
        raise UpdateError(f"{path} is known as release {known.version}; a bundle has one version only")
    if known is not None:
        return known
    blob = f"updates/{digest}.raucb"
    # First the bytes, then the row: an offer never names what is not there.
    blobs.put(blob, path)
    row = ReleaseRow(sha256=digest, version=version, bytes=size, blob=blob, added_ns=now_ns, added_by=by)
    try:
        with store.write() as connection:
            values = {name: getattr(row, name) for name in row.__struct_fields__}
            connection.execute(insert(release).values(values))
    except IntegrityError:
        # Somebody added the same file at the same moment.
        return find_release(store, digest) or row
    return row


def find_release(store: Store, wanted: str) -> ReleaseRow | None:
    """A release by its whole SHA-256, else the bundle added last of that version."""
    query = (
        select(release)
        .where((release.c.sha256 == wanted) | (release.c.version == wanted))
        .order_by(release.c.added_ns.desc())
    )
    with store.read() as connection:
        row = connection.execute(query.limit(1)).mappings().first()
    return None if row is None else ReleaseRow(**row)


def releases(store: Store) -> list[ReleaseRow]:
    """All releases, newest first."""
    with store.read() as connection:
        query = select(release).order_by(release.c.added_ns.desc()).limit(_ROWS_MAX)
        return [ReleaseRow(**row) for row in connection.execute(query).mappings()]


def make_offers(
    store: Store,
    boxes: Iterable[tuple[str, str]],
    wanted: ReleaseRow,
    *,
    base_url: str,
    by: str,
    now_ns: int,
    force: bool = False,
) -> list[str]:
    """Offer a release to boxes and return the ids; an open offer to the same box is withdrawn.

    Raises `UpdateError` for a box that the bridge does not know, then nothing has changed.
    """
    if not base_url.startswith(("http://", "https://")):
        raise UpdateError("boxes need an address of this bridge; set enrol.url in its configuration")
    made = []
    with store.write() as connection:
        known = {(row.site, row.name) for row in connection.execute(select(t.box.c.site, t.box.c.name))}
        for site, box in sorted(set(boxes)):
            if (site, box) not in known:
                raise UpdateError(f"box {site}/{box} has never been seen by this bridge")
            mine = (update_offer.c.site == site) & (update_offer.c.box == box) & update_offer.c.state.not_in(ENDED)
            connection.execute(update(update_offer).where(mine).values(state=WITHDRAWN, changed_ns=now_ns))
            offer = secrets.token_hex(16)
            connection.execute(
                insert(update_offer).values(
                    id=offer,
                    site=site,
                    box=box,
                    sha256=wanted.sha256,
                    forced=force,
                    token=secrets.token_urlsafe(24),
                    base_url=base_url,
                    made_ns=now_ns,
                    made_by=by,
                    sent_times=0,
                    state=MADE,
                    changed_ns=now_ns,
                )
            )
            made.append(offer)
    return made


def withdraw(store: Store, offer: str, now_ns: int) -> bool:
    """Take an offer back while the box has not installed it; False where there is nothing to take back."""
    early = (MADE, str(UpdateState.OFFERED), str(UpdateState.DOWNLOADING))
    with store.write() as connection:
        mine = (update_offer.c.id == offer) & update_offer.c.state.in_(early)
        values = {"state": WITHDRAWN, "changed_ns": now_ns}
        return connection.execute(update(update_offer).where(mine).values(values)).rowcount > 0


def offers(store: Store) -> list[OfferRow]:
    """The latest offers, newest first."""
    with store.read() as connection:
        return _rows(connection, _query().order_by(update_offer.c.made_ns.desc(), update_offer.c.id).limit(_ROWS_MAX))


def last_offers(store: Store) -> dict[tuple[str, str], OfferRow]:
    """The newest offer of each box that ever had one."""
    found: dict[tuple[str, str], OfferRow] = {}
    for row in offers(store):
        found.setdefault((row.site, row.box), row)
    return found


def find_offer(store: Store, offer: str, token: str) -> OfferRow | None:
    """The offer whose address this is; None where the id or the token is wrong."""
    with store.read() as connection:
        rows = _rows(connection, _query().where(update_offer.c.id == offer))
    return rows[0] if rows and compare_digest(rows[0].token.encode(), token.encode()) else None


def to_send(store: Store, now_ns: int, again_ns: int, limit: int = 50) -> list[OfferRow]:
    """Offers of boxes that are there and have not answered yet, those never sent first; marked as sent now."""
    quiet = update_offer.c.sent_ns.is_(None) | (update_offer.c.sent_ns <= now_ns - again_ns)
    there = t.box.c.online.is_(True)
    query = (
        _query()
        .join(t.box, (t.box.c.site == update_offer.c.site) & (t.box.c.name == update_offer.c.box))
        .where(update_offer.c.state == MADE, quiet, there)
        .order_by(update_offer.c.sent_times, update_offer.c.made_ns)
        .limit(limit)
    )
    with store.read() as connection:
        found = _rows(connection, query)
    if found:
        with store.write() as connection:
            sent = {"sent_ns": now_ns, "sent_times": update_offer.c.sent_times + 1}
            ids = [row.id for row in found]
            connection.execute(update(update_offer).where(update_offer.c.id.in_(ids)).values(sent))
    return found


def _query() -> Select[tuple[object, ...]]:
    columns = [column for column in update_offer.c if column.name not in {"series", "seq"}]
    return select(*columns, release.c.version, release.c.bytes, release.c.blob).join(
        release, release.c.sha256 == update_offer.c.sha256
    )


def _rows(connection: Connection, query: Select[tuple[object, ...]]) -> list[OfferRow]:
    return [_offer(row) for row in connection.execute(query).mappings()]


def _offer(row: RowMapping) -> OfferRow:
    return OfferRow(**row)
