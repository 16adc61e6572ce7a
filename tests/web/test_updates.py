"""Updates in the pages and by HTTP: offered by administrators, fetched by boxes, in ranges, while the offer is open."""

import pytest
from web_world import token_of

from cloud_bridge.store import tables
from cloud_bridge.store.users import Role
from cloud_bridge.updates import offers
from cloud_bridge.updates.sender import send_offers
from edge import wire

BUNDLE = bytes(range(256)) * 5000


@pytest.fixture
def release(world, tmp_path):
    world.box("riga", "counter-1")
    world.box("riga", "counter-2", online=False)
    (tmp_path / "b.raucb").write_bytes(BUNDLE)
    return offers.add_release(world.store, world.blobs, tmp_path / "b.raucb", "1.2", "shell:me", 5)


def offer(world, release, box="counter-1", now_ns=10, **options):
    (made,) = offers.make_offers(
        world.store, [("riga", box)], release, base_url="http://bridge:8088/", by="me", now_ns=now_ns, **options
    )
    return next(row for row in offers.offers(world.store) if row.id == made)


def report(world, row, state, seq=None, **more):
    data = wire.UpdateData(
        offer=row.id, version=row.version, before="1.0", state=state, percent=more.pop("percent", 0),
        stamp=world.stamp(), **more,
    )  # fmt: skip
    world.event(row.site, row.box, data)


def path_of(row):
    return row.url.removeprefix("http://bridge:8088")


def test_a_box_fetches_its_bundle_whole_or_in_ranges(world, release, stranger):
    row = offer(world, release)
    whole = stranger.get(path_of(row))
    assert (whole.status_code, whole.content, whole.headers["etag"]) == (200, BUNDLE, f'"{release.sha256}"')
    part = stranger.get(path_of(row), headers={"Range": "bytes=1000-", "If-Range": f'"{release.sha256}"'})
    assert (part.status_code, part.content) == (206, BUNDLE[1000:])
    assert part.headers["content-range"] == f"bytes 1000-{len(BUNDLE) - 1}/{len(BUNDLE)}"
    other = stranger.get(path_of(row), headers={"Range": "bytes=1000-", "If-Range": '"other"'})
    assert (other.status_code, len(other.content)) == (200, len(BUNDLE))
    assert stranger.get(path_of(row), headers={"Range": f"bytes={len(BUNDLE)}-"}).status_code == 416


def test_without_the_right_address_or_after_the_offer_there_is_nothing(world, release, stranger):
    row = offer(world, release)
    assert stranger.get(f"/updates/{row.id}/wrong/bundle.raucb").status_code == 404
    assert stranger.get(f"/updates/{'0' * 32}/{row.token}/bundle.raucb").status_code == 404
    report(world, row, wire.UpdateState.GOOD)
    assert stranger.get(path_of(row)).status_code == 410
    second = offer(world, release)
    offers.withdraw(world.store, second.id, 20)
    assert stranger.get(path_of(second)).status_code == 410


def test_an_administrator_offers_sees_and_withdraws(world, release, client):
    page = client.get("/updates")
    assert "1.2" in page.text
    form = {"_csrf_token": token_of(page.text), "release": release.sha256, "box": "riga/counter-1"}
    assert client.post("/updates/offers", data=form).status_code == 303
    (row,) = offers.offers(world.store)
    assert (row.site, row.box, row.version, row.forced, row.state) == ("riga", "counter-1", "1.2", False, "made")
    report(world, row, wire.UpdateState.DOWNLOADING, percent=40)
    page = client.get("/updates")
    assert "downloading, 40" in page.text
    assert "downloading, 40" in client.get("/boxes").text
    gone = client.post(f"/updates/offers/{row.id}/withdraw", data={"_csrf_token": token_of(page.text)})
    assert gone.status_code == 303
    assert offers.offers(world.store)[0].state == "withdrawn"
    again = client.post(f"/updates/offers/{row.id}/withdraw", data={"_csrf_token": token_of(page.text)})
    assert again.status_code == 404


def test_all_boxes_are_offered_one_and_nonsense_is_refused(world, release, client):
    token = token_of(client.get("/updates").text)
    everything = {"_csrf_token": token, "release": "1.2", "box": "*", "force": "yes"}
    assert client.post("/updates/offers", data=everything).status_code == 303
    assert {(row.box, row.forced) for row in offers.offers(world.store)} == {("counter-1", True), ("counter-2", True)}
    for wrong in ({"release": "9.9"}, {"box": "riga/nobody"}):
        assert client.post("/updates/offers", data=everything | wrong).status_code == 400
    assert client.post("/updates/offers", data=everything | {"_csrf_token": "x"}).status_code == 403


def test_only_administrators(world, release, client):
    other = next(role for role in Role if role is not Role.ADMIN)
    with world.store.write() as connection:
        connection.execute(tables.user.update().values(role=str(other)))
    assert client.get("/updates").status_code == 403


def test_offers_go_to_boxes_that_are_there_until_they_answer(world, release):
    offer(world, release)
    offer(world, release, "counter-2")
    sent = []

    def round_at(now_s):
        sent.clear()
        send_offers(world.store, lambda topic, payload: sent.append((topic, payload)), now_s * 10**9)
        return len(sent)

    assert round_at(100) == 1
    topic, payload = sent[0]
    assert topic == wire.topic("riga", "counter-1", "command")
    command = wire.decode(payload, wire.Command)
    assert (command.version, command.bytes, command.sha256) == ("1.2", len(BUNDLE), release.sha256)
    assert [round_at(s) for s in (101, 159, 160, 161)] == [0, 0, 1, 0]
    row = next(row for row in offers.offers(world.store) if row.box == "counter-1")
    report(world, row, wire.UpdateState.OFFERED)
    assert round_at(1000) == 0
    with world.store.write() as connection:
        connection.execute(tables.box.update().values(online=True))
    assert round_at(1001) == 1


def test_the_last_word_of_a_box_holds_whatever_came_first(world, release):
    row = offer(world, release)
    other = offer(world, release, "counter-2")
    events = []
    for seq, state in enumerate(("offered", "downloading", "downloaded", "installing"), 1):
        data = wire.UpdateData(
            offer=row.id, version="1.2", before="1.0", state=wire.UpdateState(state), percent=seq, stamp=world.stamp()
        )
        events.append((seq, data))
    for order in ([3, 0, 2, 1], [1, 1, 3, 2, 0]):
        for at in order:
            seq, data = events[at]
            world._seqs["riga", "counter-1"] = seq - 1
            world.event("riga", "counter-1", data)
    # Another box can say nothing about it.
    world.event("riga", "counter-2", events[0][1])
    found = {row.id: row for row in offers.offers(world.store)}
    assert (found[row.id].state, found[row.id].percent) == ("installing", 4)
    assert found[other.id].state == "made"


def test_a_new_offer_takes_the_place_of_an_open_one(world, release):
    first = offer(world, release)
    second = offer(world, release, now_ns=11)
    states = {row.id: row.state for row in offers.offers(world.store)}
    assert states == {first.id: "withdrawn", second.id: "made"}
    assert offers.last_offers(world.store)["riga", "counter-1"].id == second.id


def test_a_bundle_is_one_release_and_versions_are_such_that_boxes_compare(world, release, tmp_path):
    path = tmp_path / "b.raucb"
    again = offers.add_release(world.store, world.blobs, path, "1.2", "x", 99)
    assert again == release
    for version in ("1.3", "v1", "1", "", "1.2\n"):
        with pytest.raises(offers.UpdateError):
            offers.add_release(world.store, world.blobs, path, version, "x", 99)
    path.write_bytes(b"")
    with pytest.raises(offers.UpdateError, match="0 bytes"):
        offers.add_release(world.store, world.blobs, path, "1.4", "x", 99)
    with pytest.raises(offers.UpdateError, match="never been seen"):
        offers.make_offers(world.store, [("no", "box")], release, base_url="http://b", by="x", now_ns=1)
    with pytest.raises(offers.UpdateError, match=r"enrol\.url"):
        offers.make_offers(world.store, [("riga", "counter-1")], release, base_url="", by="x", now_ns=1)
