"""Time limits that run out: one warning before, one escalation at the end, each exactly once a limit.

That it was said, the line of the history and the messages in the outbox are one transaction, so a process that dies in
between has said nothing, and one that comes back late says it then. The worker repeats nothing: the case's row says
which limit was warned of and escalated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, select

from cloud_bridge.access.permissions import Binding, allowed
from cloud_bridge.access.table import Action
from cloud_bridge.cases import limits, tree
from cloud_bridge.notify import outbox
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_case as t
from cloud_bridge.store.engine import Store
from cloud_bridge.store.org import Place
from cloud_bridge.store.tables_org import account_place
from cloud_bridge.store.tables_org import site as sites
from cloud_bridge.store.users import Role
from cloud_bridge.web.i18n import LANGUAGES, Language, Translator, load_catalogue, zone

PERIOD_S = 15.0
WARNED, ESCALATED = "warned", "escalated"
_BATCH = 50

Words = Callable[[Language, str], Translator]
"""The words of a language with the times of a time zone."""


def load_words() -> Words:
    """Words from the catalogues, read once."""
    catalogues = {language: load_catalogue(language) for language in LANGUAGES}

    def words(language: Language, time_zone: str) -> Translator:
        return Translator(language, catalogues[language], zone(time_zone))

    return words


def say_what_is_due(store: Store, words: Words, now_ns: int, url: str = "") -> bool:
    """Warn of and escalate what has come to its time, the oldest first; whether more waits.

    `url` is the address of the bridge, for links in messages; empty: a message has none.
    """
    file = t.case_file
    query = select(file.c.id).where(file.c.alert_ns <= now_ns).order_by(file.c.alert_ns, file.c.id).limit(_BATCH)
    with store.read() as connection:
        due = list(connection.execute(query).scalars())
    for case in due:
        with store.write() as connection:
            _say(connection, words, case, now_ns, url)
    return len(due) == _BATCH


def _say(connection: Connection, words: Words, case: int, now_ns: int, url: str) -> None:
    row = dict(tree.lock(connection, [case])[case])
    # Looked at again under the lock: it may have been closed, merged or given another limit.
    if row["alert_ns"] is None or row["alert_ns"] > now_ns:
        return
    due = {WARNED: row["warn_ns"], ESCALATED: row["due_ns"]}
    for kind, at_ns in due.items():
        said = f"{kind}_no"
        if row[said] < row["limit_no"] and at_ns <= now_ns:
            row[said] = row["limit_no"]
            tree.note(connection, case, kind=kind, user="", at_ns=now_ns, due_ns=row["due_ns"])
            _tell(connection, words, row, kind, now_ns, url)
    values = {"warned_no": row["warned_no"], "escalated_no": row["escalated_no"]}
    tree.change(connection, case, row["changed_ns"], values | limits.settled(row))


def _tell(connection: Connection, words: Words, row: dict[str, Any], kind: str, now_ns: int, url: str) -> None:
    """A warning goes to who works on the case, or else to who can; an escalation to those who answer for the place."""
    at = Place(row["site"], row["counter"] or "")
    site = connection.execute(select(sites.c.time_zone, sites.c.title).where(sites.c.name == row["site"])).one_or_none()
    time_zone, title = ("UTC", row["site"]) if site is None else (site.time_zone, site.title)
    number, limit = row["id"], row["limit_no"]
    for account in _who(connection, row["assignee"], at, kind):
        language: Language = next((known for known in LANGUAGES if known == account.language), "en")
        say = words(language, time_zone)
        # A bridge that stood still warns late.
        tense = "late" if kind == WARNED and row["due_ns"] <= now_ns else kind
        values = {"number": number, "title": row["title"], "site": title, "due": say.moment(row["due_ns"])}
        text = [say(f"case_mail.{tense}", **values)]
        text += [row["title"]] if row["title"] else []
        text += [f"{url}/cases/{number}"] if url else []
        outbox.enqueue(
            connection,
            key=f"case {number} limit {limit} {kind} account {account.id}",
            to=outbox.to_account(account.id),
            subject=say(f"case_mail.{tense}_subject", **values),
            text="\n\n".join(text),
            now_ns=now_ns,
        )
    data = {"case": number, "site": row["site"], "counter": row["counter"], "due_ns": row["due_ns"]}
    outbox.announce(
        connection, event=f"case.{kind}", key=f"case {number} limit {limit} {kind}", data=data, now_ns=now_ns
    )


def _who(connection: Connection, assignee: int | None, at: Place, kind: str) -> list[Any]:
    accounts = list(_accounts(connection))
    mine = [account for account, _ in accounts if account.id == assignee]
    if kind == WARNED and mine:
        return mine
    action = Action.WORK_CASES if kind == WARNED else Action.CLOSE_CASES
    who = [account for account, binding in accounts if allowed([binding], action, at)]
    # Admins may do everything; they are told where nobody else answers for the place.
    others = [account for account in who if account.role != Role.ADMIN]
    told = {account.id: account for account in [*(others or who), *mine]}
    return [told[key] for key in sorted(told)]


def _accounts(connection: Connection) -> Iterator[tuple[Any, Binding]]:
    places: dict[int, list[Place]] = {}
    for row in connection.execute(select(account_place)):
        places.setdefault(row.account, []).append(Place(row.site, row.counter))
    user = tp.user
    query = select(user.c.id, user.c.role, user.c.language, user.c.employee).where(user.c.disabled.is_(False))
    for row in connection.execute(query.order_by(user.c.id)):
        yield row, Binding(Role(row.role), tuple(places.get(row.id, ())), row.employee)
