"""Accounts and invitations as the templates show them, and the form of an account."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from cloud_bridge.store.accounts import Account
from cloud_bridge.store.invitations import Invitation
from cloud_bridge.store.org import Organisation, Place
from cloud_bridge.store.users import Role, Session, User, UserError
from cloud_bridge.web.i18n import Translator

_SOME = "some"


class AccountForm(Struct, frozen=True):
    """An account or an invitation as it is typed; `reach` is all or some, `places` are site or site/counter."""

    role: str = ""
    name: Annotated[str, Meta(max_length=200)] = ""
    email: Annotated[str, Meta(max_length=254)] = ""
    employee: Annotated[str, Meta(max_length=500)] = ""
    reach: Annotated[str, Meta(max_length=10)] = "all"
    places: list[str] | str = ""

    @property
    def ticked(self) -> tuple[str, ...]:
        """The places that were ticked."""
        return (self.places,) if isinstance(self.places, str) and self.places else tuple(self.places)


class AccountView(Struct, frozen=True, kw_only=True):
    """An account in words."""

    id: int
    name: str
    role: str
    places: str
    employee: str
    email: str
    disabled: bool
    seen: str


class InvitationView(Struct, frozen=True, kw_only=True):
    """An invitation in words, without its secret."""

    key: str
    name: str
    role: str
    places: str
    state: str
    made: str
    made_by: str
    ends: str


class SessionView(Struct, frozen=True, kw_only=True):
    """A session of somebody."""

    key: str
    agent: str
    address: str
    created: str
    seen: str


class SiteChoice(Struct, frozen=True, kw_only=True):
    """A site that can be ticked, and its counters as (value, title)."""

    value: str
    title: str
    counters: tuple[tuple[str, str], ...]


def account_view(t: Translator, known: Organisation, account: Account) -> AccountView:
    """An account in words."""
    user = account.user
    return AccountView(
        id=user.id,
        name=user.name,
        role=t(f"role.{user.role}"),
        places=places_text(t, known, account.places),
        employee=user.employee or "",
        email=user.email or "",
        disabled=user.disabled,
        seen=t.moment(account.seen_ns) if account.seen_ns is not None else "",
    )


def invitation_view(t: Translator, known: Organisation, row: Invitation, now_ns: int) -> InvitationView:
    """An invitation in words."""
    return InvitationView(
        key=row.key,
        name=row.name,
        role=t(f"role.{row.role}"),
        places=places_text(t, known, row.places),
        state=str(row.state(now_ns)),
        made=t.moment(row.made_ns),
        made_by=row.made_by,
        ends=t.moment(row.expires_ns),
    )


def session_view(t: Translator, session: Session) -> SessionView:
    """A session in words."""
    return SessionView(
        key=session.key,
        agent=session.agent or t("account.agent_unknown"),
        address=session.address,
        created=t.moment(session.created_ns),
        seen=t.moment(session.seen_ns),
    )


def place_choices(known: Organisation) -> list[SiteChoice]:
    """Every site with its counters."""
    return [
        SiteChoice(
            value=site.name,
            title=site.title,
            counters=tuple(
                (place_value(at), counter.title)
                for at, counter in known.counters.items()
                if at.site == site.name and not counter.retired
            ),
        )
        for site in known.sites.values()
    ]


def places_text(t: Translator, known: Organisation, places: tuple[Place, ...]) -> str:
    """Where a role holds, in words."""
    if not places:
        return t("people.everywhere")
    return ", ".join(_place_title(known, place) for place in places)


def form_of(user: User, places: tuple[Place, ...]) -> AccountForm:
    """An account as its form shows it."""
    return AccountForm(
        role=str(user.role),
        name=user.name,
        email=user.email or "",
        employee=user.employee or "",
        reach=_SOME if places else "all",
        places=[place_value(place) for place in places],
    )


def read_role(form: AccountForm) -> Role:
    """The chosen role; raises `UserError`."""
    if form.role not in set(Role):
        raise UserError(f"role {form.role[:40]!r} does not exist; choose one of {', '.join(Role)}")
    return Role(form.role)


def read_places(form: AccountForm, known: Organisation) -> tuple[Place, ...]:
    """The ticked places, () for everywhere; raises `UserError` for none ticked and for ones that do not exist."""
    if form.reach != _SOME:
        return ()
    found = []
    for text in form.ticked:
        site, _, counter = text.partition("/")
        place = Place(site, counter)
        if site not in known.sites or (counter and place not in known.counters):
            raise UserError(f"place {text[:130]!r} does not exist; choose one of the organisation's")
        found.append(place)
    if not found:
        raise UserError("no place is ticked; tick at least one, or choose everywhere")
    return tuple(sorted(set(found)))


def place_value(place: Place) -> str:
    """A place as it stands in forms."""
    return f"{place.site}/{place.counter}" if place.counter else place.site


def _place_title(known: Organisation, place: Place) -> str:
    counter = known.counters.get(place)
    title = known.site_title(place.site)
    return title if not place.counter else f"{title} / {counter.title if counter else place.counter}"
