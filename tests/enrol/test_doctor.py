"""The doctor on settings that were refused and on certificates, and the box that shows it."""

import pytest
from enrol_bridge import FACTS, ordered
from field_parts import Place

from edge.enrol.exchange import Unreachable, attempt
from edge.enrol.identity import Identity, Order, Trouble
from edge.field.check_identity import check_identity, check_setup
from edge.provision.trouble import clear_trouble, tell_trouble


@pytest.fixture
def place(tmp_path):
    (tmp_path / "place").mkdir()
    return Place(tmp_path / "place", uplink={"enrolled": True})


def identity_of(place):
    return Identity.of(place.around().config)


def codes(place, **changes):
    found = list(check_identity(place.around(**changes)))
    assert all(one.found("ru") and "{" not in one.found("ru") + one.remedy("en") for one in found)
    return [one.code for one in found]


def test_a_box_with_a_password_needs_none(tmp_path):
    assert codes(Place(tmp_path)) == ["unused"]


def test_from_nothing_to_a_certificate(place, world, clock, post):
    assert codes(place) == ["none"]
    box = place.around().config.box
    code, _ = world.enrolment.make_code(box.site, box.name, "anna", clock())
    identity = identity_of(place)
    identity.keep_order(Order(bridge_url="https://b.example", code=code.text, site=box.site, box=box.name))
    assert codes(place) == ["waiting"]
    identity.keep_trouble(Trouble(reason="no route to host", refused=False))
    assert codes(place) == ["waiting"]
    identity.keep_trouble(Trouble(reason="the code has expired", refused=True))
    assert codes(place) == ["refused"]
    attempt(identity, clock(), post=post, **FACTS)
    assert codes(place) == ["ok"]


def enrolled(place, world, clock, post, site=None):
    config = place.around().config.box
    code, _ = world.enrolment.make_code(site or config.site, config.name, "anna", clock())
    identity = ordered(identity_of(place).folder.parent, code.text, site=site or config.site, box=config.name)
    return identity, attempt(identity, clock(), post=post, **FACTS)


def test_a_certificate_that_does_not_renew_and_one_that_is_over(place, world, clock, post):
    around = place.around()
    clock.now_ns = around.clock.wall_ns()
    identity, given = enrolled(place, world, clock, post)
    around.clock.step_wall(given.renews_ns - around.clock.wall_ns())
    assert codes(place) == ["ok"]

    def away(url, body):
        raise Unreachable("no route to host")

    with pytest.raises(Unreachable):
        attempt(identity, around.clock.wall_ns(), post=away, **FACTS)
    assert codes(place) == ["late"]
    around.clock.step_wall(given.expires_ns - around.clock.wall_ns())
    assert codes(place) == ["over"]


def test_a_certificate_of_another_name_and_files_that_are_broken(place, world, clock, post):
    identity, _ = enrolled(place, world, clock, post, site="elsewhere")
    assert codes(place) == ["other"]
    (identity.folder / "enrolled.json").write_text("{")
    assert codes(place) == ["unreadable"]


def test_a_sheet_that_was_refused_is_told(place):
    data = identity_of(place).folder.parent
    assert [one.code for one in check_setup(place.around())] == ["ok"]
    tell_trouble(data, {"en": "Line 3: no", "ru": "Строка 3: нет"})
    (found,) = check_setup(place.around())
    assert found.code == "refused"
    assert "Line 3: no / Строка 3: нет" in found.found("en")
    clear_trouble(data)
    assert [one.code for one in check_setup(place.around())] == ["ok"]
