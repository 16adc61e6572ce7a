"""Sound over HTTP: the very bytes, in ranges, under the right name and type, every listening on record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.store import users
from cloud_bridge.web.audio import RangeError, parse_range


@pytest.fixture
def track(world):
    press, track = world.press()
    return track, world.sound(press, track, seconds=2)


def url(track):
    return f"/api/v1/tracks/{track}/audio"


def test_the_whole_sound_comes_as_it_was_sent(client, track):
    response = client.get(url(track[0]))

    assert response.status_code == 200
    assert response.content == track[1]
    assert response.headers["content-type"] == "audio/flac"
    assert response.headers["content-length"] == str(len(track[1]))
    assert response.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(("codec", "kind"), [("flac", "audio/flac"), ("wav", "audio/wav"), ("opus", "audio/ogg")])
def test_each_codec_has_its_type(client, world, codec, kind):
    press, track = world.press()
    world.sound(press, track, seconds=1, codec=codec)
    assert client.get(url(track)).headers["content-type"] == kind


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=100-199", 100, 199), ("bytes=1000-", 1000, None), ("bytes=-500", -500, None)],
)
def test_a_range_is_answered_exactly(client, track, asked, first, last):
    data = track[1]
    response = client.get(url(track[0]), headers={"range": asked})

    start = first if first >= 0 else len(data) + first
    end = last if last is not None else len(data) - 1
    assert response.status_code == 206
    assert response.content == data[start : end + 1]
    assert response.headers["content-range"] == f"bytes {start}-{end}/{len(data)}"
    assert response.headers["content-length"] == str(end + 1 - start)


def test_a_range_outside_is_refused_with_the_length(client, track):
    response = client.get(url(track[0]), headers={"range": f"bytes={len(track[1])}-"})
    assert (response.status_code, response.headers["content-range"]) == (416, f"bytes */{len(track[1])}")


def test_a_range_of_another_version_gets_the_whole(client, track):
    response = client.get(url(track[0]), headers={"range": "bytes=0-9", "if-range": '"other"'})
    assert (response.status_code, response.content) == (200, track[1])


def test_what_the_browser_has_is_not_sent_again(client, track):
    etag = client.get(url(track[0])).headers["etag"]
    response = client.get(url(track[0]), headers={"if-none-match": etag})
    assert (response.status_code, response.content) == (304, b"")


@given(st.text(alphabet="bytes=0123456789-, ", max_size=24), st.integers(1, 10**9))
def test_any_range_header_is_inside_or_ignored_or_refused(header, size_bytes):
    try:
        part = parse_range(header, size_bytes)
    except RangeError:
        return
    if part is not None:
        start, length = part
        assert 0 <= start < start + length <= size_bytes


def test_a_download_has_a_name_that_says_what_it_is(client, track):
    disposition = client.get(url(track[0]) + "?download=true").headers["content-disposition"]
    assert disposition.startswith('attachment; filename="earshot_riga_counter-1_2')
    assert disposition.endswith(f'Z_{track[0][:8]}.flac"')


def test_each_listening_and_each_download_is_on_record(client, world, track, clock):
    for _ in range(3):
        client.get(url(track[0]), headers={"range": "bytes=5-9"})
    clock.forward(3600)
    client.get(url(track[0]))
    for _ in range(2):
        client.get(url(track[0]) + "?download=true")

    rows = [(row.user, row.action, row.object) for row in users.list_audit(world.store) if row.action != "login"]
    heard, loaded = ("anna", "track.listen", track[0]), ("anna", "track.download", track[0])
    assert rows[:4] == [loaded, loaded, heard, heard]


def test_no_sound_before_it_is_complete_and_none_of_unknown_tracks(client, world):
    press, track = world.press()
    world.sound(press, track, seconds=8, chunks=1)
    assert client.get(url(track)).status_code == 404
    assert client.get(url("f" * 32)).status_code == 404


def test_a_missing_blob_is_said_and_no_crash(client, world, track, monkeypatch):
    for file in (world.folder / "blobs").rglob("*.flac"):
        file.unlink()
    response = client.get(url(track[0]))
    assert response.status_code == 404
    assert "missing in the blob store" in response.json()["detail"]


def test_head_says_what_get_would_send_and_is_no_listening(client, world, track):
    got = client.get(url(track[0]))
    users_before = len(users.list_audit(world.store))
    said = client.head(url(track[0]))
    assert (said.status_code, said.content) == (200, b"")
    names = ("content-length", "content-type", "accept-ranges", "etag", "content-disposition", "cache-control")
    assert {name: said.headers[name] for name in names} == {name: got.headers[name] for name in names}
    assert client.head(url(track[0]), headers={"if-none-match": got.headers["etag"]}).status_code == 304
    assert client.head(url(track[0]) + "?download=true").headers["content-disposition"].startswith("attachment")
    assert client.head(url("f" * 32)).status_code == 404
    assert len(users.list_audit(world.store)) == users_before


def test_head_tells_strangers_nothing(stranger, track):
    assert stranger.head(url(track[0])).status_code == 401
