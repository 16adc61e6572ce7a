"""A bridge in which every text that anybody can enter is an attack on the browser of whoever looks at it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

from litestar import Litestar
from sqlalchemy import Boolean, Float, Integer, LargeBinary, String, Table, Text, insert, select, update
from web_world import World

from cloud_bridge.alarms.planning import StreamPlan
from cloud_bridge.cases import members
from cloud_bridge.checklists import sheets
from cloud_bridge.store import tables, users
from edge import wire

NOW_NS = 1_800_000_000_000_000_000
_PRESENT = {"site": "riga", "box": "counter-1", "counter": "counter-1"}

FREE = {
    "account": "name email employee",
    "alarm": "employee note stream acknowledged_by",
    "api_token": "name made_by",
    "audit": "user object address",
    "case_contact": "name email phone changed_by",
    "case_event": "user text",
    "case_file": "title employee measure opened_by closed_by",
    "case_message": "user address subject text",
    "case_tag": "tag",
    "certificate": "hardware software revoked_why",
    "counter": "title",
    "employee": "name title",
    "enrol_code": "made_by",
    "fault": "device detail",
    "invitation": "name email employee made_by",
    "judgement": "note changed_by",
    "judgement_tag": "tag",
    "notification": "subject body address",
    "notification_attempt": "detail",
    "notify_channel": "name made_by",
    "press": "employee",
    "quarantine": "topic reason",
    "question": "employee text asked_by answer answered_by",
    "release": "added_by",
    "rule": "title changed_by",
    "sale": "id employee",
    "sheet": "user note",
    "sheet_answer": "note",
    "site": "title",
    "tag": "name",
    "track": "lost_reason damaged",
    "update_offer": "reason made_by",
    "web_session": "agent address",
    "webhook": "name url made_by",
}
"""Columns that hold what people, clients, tills or boxes wrote."""

UNSEEN = {
    # No page shows them.
    "account": "email",
    "alarm": "stream",
    "case_contact": "changed_by",
    "case_file": "opened_by closed_by",
    "case_message": "address",
    "certificate": "hardware software revoked_why",
    "enrol_code": "made_by",
    "fault": "device detail",
    "invitation": "email employee",
    "judgement": "changed_by",
    "notification": "body",
    "notify_channel": "made_by",
    "release": "added_by",
    "rule": "changed_by",
    "sale": "id employee",
    "webhook": "made_by",
}


def columns(of: dict[str, str]) -> set[str]:
    """`table.column` of a table above."""
    return {f"{table}.{name}" for table, names in of.items() for name in names.split()}


def hostile(tag: str) -> str:
    """Breaks out of text, of attributes with either quote, of a URL and of a template; `tag` finds it again."""
    return f"javascript:hit()//{mark(tag)}\"'><img src=x onerror=hit()><script>hit()</script>{{{{7*7}}}}"


def mark(tag: str) -> str:
    """What is to be found in a page that shows a text."""
    return f"[at {tag}]"


class Page(HTMLParser):
    """What a browser would make of a page: `harm` is what should not be there, `text` everything that is shown."""

    _URLS = ("href", "src", "action", "formaction", "data", "poster", "srcset", "xlink:href")
    _SAFE_URL = re.compile(r"(/(?!/)|[?#]|mailto:|tel:|$)")

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.harm: list[str] = []
        self.shown: list[str] = []
        self._raw = False
        self.feed(page)
        self.close()

    @property
    def text(self) -> str:
        """Texts and attributes, decoded."""
        return "\n".join(self.shown)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.shown += given.values()
        self._raw = tag in {"script", "style"}
        if tag == "script" and not given.get("src", "").startswith("/static/") and given.get("type") != "importmap":
            self.harm.append(f"a script: {given}")
        if tag in {"iframe", "object", "embed", "base", "meta"} and "http-equiv" in given:
            self.harm.append(f"<{tag} {given}>")
        self.harm += [f"<{tag} {name}={value[:40]!r}>" for name, value in given.items() if name.startswith("on")]
        self.harm += [
            f"<{tag} {name}={given[name][:60]!r}>"
            for name in self._URLS
            if name in given and not self._SAFE_URL.match(given[name])
        ]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        if self._raw and "hit()" in data:
            self.harm.append(f"inside a script or style: {data[:80]!r}")
        self.shown.append(data)


def fill(world: World) -> dict[str, str]:
    """Put one of everything there is into the world and poison it; the values of the parameters of its routes."""
    world.make_authority()
    press, track = world.press(employee=hostile("press.employee"), rating=1)
    world.sound(press, track, seconds=1, capture=hostile("manifest"), partial=True, partial_reason=hostile("manifest"))
    snapshot = world.snapshot(press, picture=True)
    lost_press, lost = world.press(employee=hostile("press.employee"))
    world.event("riga", "counter-1", wire.TrackLostData(track=lost, press=lost_press, reason="gone", bytes=0))
    health = hostile("health")
    world.box("riga", "counter-1", version=health, devices={health: False}, faults=(health,))
    fault = wire.FaultData(name="usb", device="x", active=True, detail="x", stamp=world.stamp())
    world.event("riga", "counter-1", fault)
    world.message("earshot/" + hostile("quarantine.topic"), hostile("payload").encode())
    case = members.gather(world.store, [press], by="x", now_ns=NOW_NS)
    sheet = sheets.begin(world.store, "causes", press, account=1, user="x", at_ns=NOW_NS)
    closed = members.gather(world.store, [lost_press], by="x", now_ns=NOW_NS)
    with world.store.write() as connection:
        file = _table("case_file")
        values = {"status": "closed", "cause": "causes", "measure": "x", "closed_ns": NOW_NS, "closed_by": "x"}
        connection.execute(update(file).where(file.c.id == closed).values(values))
    found = {
        "press_id": press,
        "track_id": track,
        "snapshot_id": snapshot,
        "case_id": str(case),
        "sheet_id": sheet,
        "alarm_id": "a" * 32,
        "question_id": "c" * 32,
        "checklist_id": "causes",
        "checklist": "causes",
        "report": "loyalty",
        "table": "indices",
        "rule_id": "1",
        "number": "1",
        "account": "1",
        "site": "riga",
        "box": "counter-1",
        "secret": "none",
    }
    _put_rows(world, found)
    _poison_checklists(world)
    poison(world)
    return found


def poison(world: World) -> None:
    """Write an attack into every column of `FREE`, whatever stood there; those that are keys have theirs already."""
    with world.store.write() as connection:
        for name in columns(FREE):
            table, column = _column(name)
            if column.primary_key or name == "press.employee":
                continue
            # The one who asks has to log in; the others' names are attacks.
            others = table.c.id != 1 if name == "account.name" else column.is_not(None) | column.is_(None)
            unique = name in {"account.name", "notify_channel.name"}
            if unique:
                for row in connection.execute(select(table.c.id).where(others)).scalars().all():
                    connection.execute(
                        update(table).where(table.c.id == row).values({column: hostile(name) + f"{row}"})
                    )
            else:
                connection.execute(update(table).where(others).values({column: hostile(name)}))


def _put_rows(world: World, ids: dict[str, str]) -> None:
    press, case = ids["press_id"], int(ids["case_id"])
    plan = StreamPlan(
        method="bernoulli", usual=0.005, usual_from="all streams", h=5.2, run_length=1e5, delay=700.0,
        unit="customers", a_month=3600.0, allowed=0.03, ratio=3.0, window_ns=0, hours="", learnt_ns=1,
        revision=1,
    )  # fmt: skip
    alarm = {"id": ids["alarm_id"], "rule": 1, "scope": "employee", "life": "active", "employee": "x", "levels": "[]"}
    alarm |= {"plan": json.dumps({name: getattr(plan, name) for name in plan.__struct_fields__}), "cleared_ns": None}
    state = {"state": "open", "answered_ns": None, "answered_by": None}
    expires = NOW_NS + 10**15
    _row(world, "alarm", **alarm)
    _row(world, "alarm_press", alarm=ids["alarm_id"], press=press, counted=True)
    tag = hostile("judgement_tag.tag")
    _row(world, "judgement", press=press, verdict="true")
    _row(world, "judgement_tag", press=press, tag=tag)
    _row(world, "tag", name=hostile("tag.name"))
    _row(world, "question", **{"id": ids["question_id"], "press": press, "button": "red", "asked_account": 1} | state)
    answered = {"id": "d" * 32, "press": press, "button": "red", "asked_account": 1, "state": "answered"}
    _row(world, "question", **answered, answered_ns=NOW_NS)
    _row(world, "case_tag", case=case, tag=hostile("case_tag.tag"))
    _row(world, "case_event", case=case, kind="comment", data="{}")
    _row(world, "case_contact", case=case)
    for direction in ("out", "in"):
        _row(world, "case_message", case=case, direction=direction, notification=None, removed_ns=None)
    _row(world, "sheet_answer", sheet=ids["sheet_id"], item=_first_item(world), value="yes", at_s=0.5)
    _row(world, "employee", name=hostile("employee.name"), site="riga", retired=False)
    _row(
        world, "notify_channel", id=1, url="tgram://123456789:abcdefg_hijklmnop/12315544/", language="en", enabled=True
    )
    _row(world, "subscription", account=1, channel=None, sites="[]", time_zone="UTC", enabled=True, digest_hour=None)
    _row(world, "webhook", id=1, events='["alarm.raised"]', enabled=True, retired=False)
    for number, to in enumerate(({"webhook": 1}, {"channel": 1}, {"account": 1}, {"address": "x"}), 1):
        rest = dict.fromkeys(("webhook", "channel", "account", "address")) | to
        kinds = {"webhook": "webhook", "channel": "channel"}
        kind = kinds.get(next(iter(to)), "mail")
        _row(
            world,
            "notification",
            id=number,
            key=str(number),
            kind=kind,
            state="failed",
            alarm=None,
            sent_ns=None,
            **rest,
        )
        _row(world, "notification_attempt", notification=number, ok=False)
    _row(
        world,
        "invitation",
        key="e" * 64,
        role="auditor",
        places="[]",
        expires_ns=expires,
        used_ns=None,
        withdrawn_ns=None,
    )
    _row(world, "api_token", key="f" * 64, scopes="presses.read", places="[]", expires_ns=expires, revoked_ns=None)
    _row(world, "release", sha256="1" * 64, version="1.2.3", bytes=1)
    offer = {"id": "2" * 32, "sha256": "1" * 64, "state": "failed", "series": None, "slot": None, "before": None}
    _row(world, "update_offer", **offer, sent_ns=None, seq=None, percent=None)
    _row(world, "enrol_code", id="ABCDE", expires_ns=expires, withdrawn_ns=None, used_ns=None, serial=None)
    _row(world, "sale", id="1", wall_ns=NOW_NS)
    _row(world, "audit", action="track.listen")
    _row(world, "web_session", key="3" * 64, account=1, expires_ns=expires)
    users.create_user(world.store, "somebody else", "a long password", users.Role.OPERATOR, employee="x")


def _first_item(world: World) -> str:
    with world.store.read() as connection:
        definition = connection.execute(select(_table("checklist_version").c.definition)).scalars().first()
    item: str = json.loads(definition or "")["sections"][0]["items"][0]["id"]
    return item


def _poison_checklists(world: World) -> None:
    version = _table("checklist_version")

    def poisoned(value: Any) -> Any:
        if isinstance(value, list):
            return [poisoned(one) for one in value]
        if not isinstance(value, dict):
            return value
        words = ("text", "title")
        return {
            key: dict.fromkeys(one, hostile("checklist")) if key in words and isinstance(one, dict) else poisoned(one)
            for key, one in value.items()
        }

    with world.store.write() as connection:
        rows = connection.execute(select(version.c.checklist, version.c.version, version.c.definition)).all()
        for row in rows:
            which = (version.c.checklist == row.checklist) & (version.c.version == row.version)
            made = json.dumps(poisoned(json.loads(row.definition)))
            connection.execute(update(version).where(which).values(definition=made))


def _row(world: World, table_name: str, /, **given: Any) -> None:
    """A row with the values given; of the other columns those that need one get what fits their type."""
    table = _table(table_name)
    values = dict(given)
    for column in table.columns:
        if column.name in given or column.autoincrement is True:
            continue
        kind = column.type
        if isinstance(kind, Boolean):
            values[column.name] = False
        elif isinstance(kind, Integer):
            values[column.name] = NOW_NS if column.name.endswith("_ns") else 1
        elif isinstance(kind, Float):
            values[column.name] = 1.0
        elif isinstance(kind, LargeBinary):
            values[column.name] = b""
        else:
            values[column.name] = _PRESENT.get(column.name, "0" * 32)
    with world.store.write() as connection:
        connection.execute(insert(table).values(values))


def _table(name: str) -> Table:
    return tables.metadata.tables[name]


def _column(name: str) -> tuple[Table, Any]:
    table, _, column = name.partition(".")
    return _table(table), _table(table).c[column]


def wide_columns() -> set[str]:
    """Columns that have room for an attack."""
    return {
        f"{table.name}.{column.name}"
        for table in tables.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, Text) or (isinstance(column.type, String) and (column.type.length or 999) > 64)
    }


def parameters(app: Litestar) -> dict[tuple[str, str], list[str]]:
    """The names of the query's parameters, by path and method, of every handler."""
    found: dict[tuple[str, str], list[str]] = {}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            names = []
            for name, field in handler.parsed_fn_signature.parameters.items():
                if name in {"request", "data"} or f"{{{name}" in route.path:
                    continue
                alias = next((one.name for one in field.metadata if getattr(one, "name", None)), None)
                names.append(alias or name)
            for method in handler.http_methods:
                found[route.path, str(method)] = names
    return found
