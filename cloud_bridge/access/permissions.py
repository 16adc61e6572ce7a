"""The one question to the permission table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cloud_bridge.access.table import TABLE, Action, Reach
from cloud_bridge.store.org import Place
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.users import Role


@dataclass(frozen=True, slots=True)
class Binding:
    """A role that somebody has at places (none named: everywhere); `employee` is how presses name the person."""

    role: Role
    places: tuple[Place, ...] = ()
    employee: str | None = None

    def covers(self, place: Place | None) -> bool:
        """Whether the role holds at the whole of `place`; None is the company."""
        if not self.places:
            return True
        return place is not None and (place in self.places or Place(place.site) in self.places)


def allowed(
    bindings: Iterable[Binding], action: Action, place: Place | None = None, employee: str | None = None
) -> bool:
    """Whether any of a person's roles lets them do `action` to something at `place` that is `employee`'s.

    `place` None: of the company as a whole. `employee` None: of nobody in particular, so it is nobody's own.
    """
    return any(_allows(binding, action, place, employee) for binding in bindings)


def scopes(bindings: Iterable[Binding], action: Action) -> tuple[Scope, ...]:
    """Of which presses a person may do `action`: those in any of the scopes; empty: of none.

    Equal to asking `allowed` for each.
    """
    found = []
    for binding in bindings:
        match TABLE[binding.role].get(action):
            case Reach.PLACE:
                found.append(Scope(places=binding.places))
            case Reach.OWN if binding.employee is not None:
                found.append(Scope(places=binding.places, employee=binding.employee))
            case Reach.COMPANY if not binding.places:
                found.append(Scope())
    return tuple(found)


def _allows(binding: Binding, action: Action, place: Place | None, employee: str | None) -> bool:
    match TABLE[binding.role].get(action):
        case Reach.PLACE:
            return binding.covers(place)
        case Reach.OWN:
            mine = binding.employee is not None and employee == binding.employee
            return mine and (place is None or binding.covers(place))
        case Reach.COMPANY:
            return not binding.places
        case None:
            return False
