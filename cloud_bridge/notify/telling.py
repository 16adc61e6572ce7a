"""Puts alarms into the outbox for those who want to know of them: once each, or once a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, select

from cloud_bridge.alarms.planning import StreamPlan
from cloud_bridge.alarms.words import place_text, usual_text
from cloud_bridge.notify.outbox import enqueue
from cloud_bridge.notify.subscriptions import Subscription, alarms_since, subscriptions
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Organisation, organisation
from cloud_bridge.store.tables_notify import notification
from cloud_bridge.web.i18n import LANGUAGES, Language, Message, Translator, load_catalogue

_DAY_NS = 86_400 * 10**9
_LATE_NS = 3 * _DAY_NS


class Telling:
    """`url` is the address of the pages as people reach them, for links; empty: none are made."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._catalogues: dict[Language, Mapping[str, Message]] = {one: load_catalogue(one) for one in LANGUAGES}

    def tell(self, store: Store, now_ns: int) -> bool:
        """Enqueue what there is to tell; never leaves anything for at once."""
        company = organisation(store)
        with store.read() as connection:
            readers = subscriptions(connection)
            if not readers:
                return False
            rows = alarms_since(connection, now_ns - _LATE_NS)
        if not rows:
            return False
        with store.write() as connection:
            for reader in readers:
                mine = [row for row in rows if reader.wants(row)]
                if reader.digest_hour is None:
                    self._at_once(connection, company, reader, mine, now_ns)
                else:
                    self._digest(connection, company, reader, mine, now_ns)
        return False

    def _at_once(
        self,
        connection: Connection,
        company: Organisation,
        reader: Subscription,
        rows: Sequence[Mapping[str, Any]],
        now_ns: int,
    ) -> None:
        keys = {f"alarm {row['id']} subscription {reader.id}": row for row in rows if row["made_ns"] >= reader.made_ns}
        known = set(connection.execute(select(notification.c.key).where(notification.c.key.in_(keys))).scalars())
        t = self._translator(reader)
        for key, row in keys.items():
            if key in known:
                continue
            place = place_text(company, row)
            enqueue(
                connection,
                key=key,
                to=reader.to,
                subject=t("notify.alarm_subject", place=place),
                text=f"{self._describe(t, row, place)}\n",
                now_ns=now_ns,
                not_before_ns=reader.not_before_ns(now_ns),
                alarm=row["id"],
            )

    def _digest(
        self,
        connection: Connection,
        company: Organisation,
        reader: Subscription,
        rows: Sequence[Mapping[str, Any]],
        now_ns: int,
    ) -> None:
        day, since_ns, until_ns = reader.digest_day(now_ns)
        told = [row for row in rows if max(since_ns, reader.made_ns) <= row["made_ns"] < until_ns]
        key = f"digest {day} subscription {reader.id}"
        if not told or connection.execute(select(notification.c.id).where(notification.c.key == key)).first():
            return
        t = self._translator(reader)
        texts = [self._describe(t, row, place_text(company, row)) for row in told]
        subject = t.count("notify.digest_subject", len(told))
        enqueue(connection, key=key, to=reader.to, subject=subject, text="\n\n".join(texts) + "\n", now_ns=now_ns)

    def _describe(self, t: Translator, row: Mapping[str, Any], place: str) -> str:
        plan = msgspec.json.decode(row["plan"], type=StreamPlan)
        lines = [
            t("notify.alarm_place", place=place),
            t.count("notify.alarm_events", row["events"], since=t.moment(row["since_ns"])),
            t("notify.alarm_raised", time=t.moment(row["raised_ns"])),
            usual_text(t, plan),
        ]
        if row["simulated"]:
            lines.append(t("notify.simulated"))
        if self._url:
            lines.append(f"{self._url}/alarms/{row['id']}")
        return "\n".join(lines)

    def _translator(self, reader: Subscription) -> Translator:
        language: Language = next((one for one in LANGUAGES if one == reader.language), "en")
        return Translator(language, self._catalogues[language], ZoneInfo(reader.time_zone))
